"""Artificial points: where there are no data, as far as a box of inputs goes."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from bayesal.networks.standardise import Standardise

MARGIN = 0.05  # of the range, on either side
UNIFORM_UP_TO = 10  # numbers in a point: a uniform draw in more lies far from every point there will ever be


@dataclass(frozen=True, eq=False)
class Box:
    """Points drawn anew at every call, from the box between ``low`` and ``high``.

    Uniform draws u, or with ``mixed`` data their mixes x + λ (u - x), λ uniform on [0, 1]: in many dimensions
    nearly all of a box is far away from the data, and a uniform draw would never show the neighbourhood of the data.
    """

    low: Float[Tensor, "..."]
    high: Float[Tensor, "..."]
    mixed: Float[Tensor, "L ..."] | None = None

    @classmethod
    def around(cls, points: Float[Tensor, "L ..."], *, least: float | None = None, mixed: bool | None = None) -> "Box":
        """The range of these points and 5 % of it on either side; mixed by default from 11 numbers a point on.

        ``least``: hold at least ±this, for points on the scale of a pool of mean 0 and spread 1. A number that never
        varies (with ``least``: that is always 0, as what never varies in the pool) stays as it is; if none varies, all
        get a range of ±1.
        """
        low, high = points.amin(0), points.amax(0)
        if least is not None:
            varies = (points != 0).any(0)
            low, high = (
                torch.where(varies, low.clamp(max=-least), low),
                torch.where(varies, high.clamp(min=least), high),
            )
        if not (high > low).any():
            low, high = low - 1, high + 1
        mixes = points[0].numel() > UNIFORM_UP_TO if mixed is None else mixed
        margin = MARGIN * (high - low)
        return cls(low - margin, high + margin, points if mixes else None)

    @classmethod
    def between(
        cls,
        low: Float[Tensor, "..."],
        high: Float[Tensor, "..."],
        points: Float[Tensor, "L ..."],
        *,
        mixed: bool | None = None,
    ) -> "Box":
        """The box between two points. Raises ValueError unless low < high in some number and low <= high in all."""
        fits = low.shape == high.shape == points.shape[1:]
        if not fits or not (low <= high).all() or not (low < high).any():
            raise ValueError(
                "a box needs two points of the inputs' shape, the first nowhere larger and somewhere smaller, "
                f"but they are of {tuple(low.shape)} for points of {tuple(points.shape[1:])}, or not in this order"
            )
        mixes = points[0].numel() > UNIFORM_UP_TO if mixed is None else mixed
        return cls(low, high, points if mixes else None)

    @property
    def unit(self) -> Standardise:
        """The layer that puts the range, without 5 % on either side, on [-1, 1]."""
        half = (self.high - self.low) / (2 + 4 * MARGIN)
        return Standardise((self.low + self.high) / 2, torch.where(half > 0, half, 1.0))

    def through(self, layer: nn.Module) -> "Box":
        """The box of the points as this layer shows them: one that acts on every number alone, and rises."""
        low, high = layer(torch.stack([self.low, self.high]))
        return Box(low, high, None if self.mixed is None else layer(self.mixed))

    def beside(self, points: Float[Tensor, "L ..."]) -> "Box":
        """The same box; if mixed, then with these points."""
        return self if self.mixed is None else Box(self.low, self.high, points)

    def draw(self, count: int, *, generator: Generator) -> Float[Tensor, "count ..."]:
        """So many points."""
        uniform = torch.rand(count, *self.low.shape, generator=generator).to(self.low)
        there = self.low + (self.high - self.low) * uniform
        if self.mixed is None:
            return there
        chosen = torch.randint(len(self.mixed), (count,), generator=generator).to(self.low.device)
        share = torch.rand(count, *(1,) * self.low.ndim, generator=generator).to(self.low)
        return torch.lerp(self.mixed[chosen], there, share)

    def __str__(self) -> str:
        return "uniform in a box" if self.mixed is None else "mixes of data and uniform draws from a box"
