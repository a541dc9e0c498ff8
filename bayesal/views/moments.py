"""Scores in closed form of a belief with ``Moments``, and what all Gaussian scores are made from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from bayesal import acquisitions
from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.types import Inputs, Look, Moments, Noisy
from bayesal.views.targets import Targets

BLOCK = 32  # points whose covariances with each other are computed to read off their variances


@dataclass(frozen=True, eq=False)
class Seen:
    """What a Gaussian score of one chunk is made from: moments of the function without noise, and the noise.

    ``given_noise`` and ``target_noise`` are variances, one number or one a point, None if nobody knows them. What is of
    targets is None if there are none; weights are None if all count the same.
    """

    variance: Float[Tensor, "N"]
    given_noise: float | Float[Tensor, "N"] | None = None
    covariance: Float[Tensor, "N M"] | None = None
    target_variance: Float[Tensor, "M"] | None = None
    target_noise: float | Float[Tensor, "M"] | None = None
    target_weights: Float[Tensor, "M"] | None = None

    @property
    def noise(self) -> float | Float[Tensor, "N"]:
        """Raises ValueError if it is not known."""
        return known(self.given_noise)


def variance(seen: Seen) -> Float[Tensor, "N"]:
    """ALM: the variance of the function (MacKay, 1992)."""
    return seen.variance


def bald(seen: Seen) -> Float[Tensor, "N"]:
    """``acquisitions.gaussian_bald`` of what is seen."""
    return acquisitions.gaussian_bald(seen.variance, seen.noise)


def alc(seen: Seen) -> Float[Tensor, "N"]:
    """``acquisitions.alc`` of what is seen."""
    assert seen.covariance is not None
    return acquisitions.alc(seen.variance, seen.covariance, seen.noise, seen.target_weights)


def epig(seen: Seen, *, target_noise: float | None = None) -> Float[Tensor, "N"]:
    """``acquisitions.gaussian_epig`` of what is seen; ``target_noise`` 0 is for the function itself at the targets."""
    assert seen.covariance is not None
    assert seen.target_variance is not None
    return acquisitions.gaussian_epig(
        seen.variance,
        seen.covariance,
        seen.target_variance,
        seen.noise,
        seen.target_noise if target_noise is None else target_noise,
        seen.target_weights,
    )


@dataclass(frozen=True, repr=False)
class MomentScore:
    """Rows are scores: ``score(seen)`` maps the closed-form moments of n points, and of the targets, to n numbers.

    ``noise``: the variance of a label around the function; by default the belief's own (``Noisy``).
    """

    score: Callable[[Seen], Float[Tensor, "N"]]
    targets: Targets | None = None
    noise: float | None = None

    __repr__ = recipe

    def __call__(self, belief: Moments, pool: Pool, /, *, generator: Generator) -> Look:
        noise = noise_of(belief, self.noise)
        if self.targets is None:

            @torch.no_grad()
            def look(inputs: Inputs) -> Tensor:
                return self.score(Seen(variance_of(belief, inputs), noise))

            return look

        points = self.targets(pool, generator=generator)
        there = points.pool.gather(points.ids)
        with torch.no_grad():
            target_variance = variance_of(belief, there)

        @torch.no_grad()
        def look_beside(inputs: Inputs) -> Tensor:
            covariance = belief.covariance(inputs, there)
            seen = Seen(variance_of(belief, inputs), noise, covariance, target_variance, noise, points.weights)
            return self.score(seen)

        return look_beside


@runtime_checkable
class HasVariance(Protocol):
    """A belief with a shorter way to its variances than the diagonal of a covariance."""

    def variance(self, inputs: Inputs, /) -> Float[Tensor, "N"]: ...


def variance_of(belief: Moments, inputs: Inputs) -> Float[Tensor, "N"]:
    """The variance of the function at each point; the diagonal of small blocks where the belief has no ``variance``."""
    if isinstance(belief, HasVariance):
        return belief.variance(inputs)
    if not isinstance(inputs, Tensor):
        return belief.covariance(inputs, inputs).diagonal()
    return torch.cat([belief.covariance(some, some).diagonal() for some in inputs.split(BLOCK)])


def noise_of(belief: Moments, noise: float | None) -> float | None:
    """What was given, else the belief's own, else None."""
    return belief.noise if noise is None and isinstance(belief, Noisy) else noise


def known(noise: float | Tensor | None) -> float | Tensor:
    """Raises ValueError if nobody knows the noise."""
    if noise is None:
        raise ValueError(
            "how far labels lie from the function is not known: give its variance as noise=, or give the belief an "
            "attribute noise; for a belief about classes use epig, bald or batchbald"
        )
    return noise
