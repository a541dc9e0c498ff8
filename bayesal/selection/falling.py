"""Gains that only fall while a batch grows: yesterday's are today's bounds (lazy greedy; Minoux, 1978)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

TOGETHER = 64  # rows whose gains are computed together
ROUNDING = 1e-6  # of the best gain: how far a gain may lie above its bound

Compute = Callable[[Int[Tensor, "P"]], Float[Tensor, "P"]]


@dataclass(frozen=True, eq=False)
class Falling:
    """``bounds[n]`` is at least the gain of row n, and the gain itself where it is ``known``.

    Gains are written here once computed, which only makes asking again faster.
    """

    bounds: Float[Tensor, "N"]
    known: Bool[Tensor, "N"]

    @classmethod
    def of(cls, rows: Tensor) -> "Falling":
        """Nothing is known."""
        bounds = torch.full((len(rows),), torch.inf, dtype=torch.float64, device=rows.device)
        return cls(bounds, torch.zeros_like(bounds, dtype=torch.bool))

    def fallen(self) -> "Falling":
        """After more points are taken: all gains have become bounds."""
        return Falling(self.bounds.clone(), torch.zeros_like(self.known))

    def all(self, gains: Compute) -> Float[Tensor, "N"]:
        """Every gain."""
        self._compute(gains, torch.arange(len(self.bounds), device=self.bounds.device))
        return self.bounds.clone()

    def best(self, gains: Compute, open_: Bool[Tensor, "N"]) -> tuple[int, float]:
        """The open row of the largest gain (ties: the lowest), and that gain."""
        candidates = open_.nonzero().squeeze(1)
        order = candidates[self.bounds[candidates].argsort(descending=True, stable=True)]
        best = -torch.inf
        seen = []
        for some in order.split(TOGETHER):
            if self.bounds[some[0]] < best - ROUNDING * abs(best):
                break
            self._compute(gains, some)
            seen.append(some)
            best = max(best, float(self.bounds[some].max()))
        computed = torch.cat(seen).sort().values
        position = int(computed[self.bounds[computed].argmax()])  # argmax gives the first of equals
        return position, float(self.bounds[position])

    def _compute(self, gains: Compute, positions: Int[Tensor, "P"]) -> None:
        missing = positions[~self.known[positions]]
        if len(missing):
            self.bounds[missing] = gains(missing).to(self.bounds)
            self.known[missing] = True
