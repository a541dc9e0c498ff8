"""Random functions of variance 1, for beliefs that know how unsure they are but not how points hang together.

Such a belief says mean and standard deviation; a hypothesis is mean + sd · g with a function g drawn here, whose law is
an assumption and not something learned. The same point has the same value in every chunk.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from bayesal.posteriors.processes.cholesky import cholesky
from bayesal.posteriors.processes.kernels import Stationary

NUM_FREQUENCIES = 1024
NUGGET = 1e-6  # variance of the noise with which the process is known at the training points
ROWS = 4096


class Places(NamedTuple):
    """Of N points: features, and a number that only equal points share."""

    features: Float[Tensor, "N D"]
    keys: Int[Tensor, "N"]


Functions = Callable[[Places], Float[Tensor, "N K"]]


@runtime_checkable
class Dependence(Protocol):
    """A law of functions with mean 0 and variance 1 everywhere."""

    def correlation(self, places: Places, others: Places, /) -> Float[Tensor, "N M"]: ...

    def draw(self, num_functions: int, /, *, generator: Generator) -> Functions: ...


@dataclass(frozen=True, eq=False)
class OfFeatures:
    """The correlation of a Gaussian process on the features, as it is once the training points are known.

    ρ(x, x') = k_n(x, x') / √(k_n(x, x) k_n(x', x')), k_n = k - k_X (K + 1e-6 I)⁻¹ k_X', with the squared exponential
    kernel k whose length is the median distance between training points. So points alike to the network go together,
    and those with a training point between them less. ``features``: those of the training points.
    """

    features: Float[Tensor, "L D"]

    def __repr__(self) -> str:
        return f"the correlation of a Gaussian process on features that knows the {len(self.features)} training points"

    @cached_property
    def kernel(self) -> Stationary:
        distances = torch.pdist(self.features)
        positive = distances[distances > 0]
        length = float(positive.median()) if len(positive) else 1.0
        ones = torch.ones(1, self.features.shape[1], dtype=self.features.dtype, device=self.features.device)
        return Stationary(length * ones, ones[0, :1])

    @cached_property
    def factor(self) -> Float[Tensor, "L L"]:
        noise = NUGGET * torch.eye(len(self.features), dtype=self.features.dtype, device=self.features.device)
        return cholesky(self.kernel(self.features, self.features) + noise)[0]

    def correlation(self, places: Places, others: Places, /) -> Float[Tensor, "N M"]:
        here, there = self._explained(places.features), self._explained(others.features)
        left = self.kernel(places.features, others.features)[0] - here.mT @ there
        return (left / self._sd(here)[:, None] / self._sd(there)).clamp(-1, 1)

    def draw(self, num_functions: int, /, *, generator: Generator) -> "Waves":
        """Prior functions of random waves, corrected at the training points, and divided by the standard deviation that
        this very sum has: their variance is exactly 1, their correlation is ρ within O(1/√F)."""
        frequencies = self.kernel.frequencies(NUM_FREQUENCIES, generator=generator).to(self.features)[0]
        rows = 2 * NUM_FREQUENCIES + len(self.features)
        weights = torch.randn(rows, num_functions, generator=generator, dtype=torch.float64)
        return Waves(self, frequencies, weights.to(self.features))

    def _explained(self, features: Float[Tensor, "N D"]) -> Float[Tensor, "L N"]:
        return torch.linalg.solve_triangular(self.factor, self.kernel(self.features, features)[0], upper=False)

    def _sd(self, explained: Float[Tensor, "L N"]) -> Float[Tensor, "N"]:
        return (1 - explained.square().sum(0)).clamp(min=NUGGET**2).sqrt()


@dataclass(frozen=True, eq=False)
class Waves:
    """K functions g_k(x) = u(x)·w_k with |u(x)| = 1 and normal weights w_k."""

    dependence: OfFeatures
    frequencies: Float[Tensor, "D F"]
    weights: Float[Tensor, "R K"]

    def __call__(self, places: Places, /) -> Float[Tensor, "N K"]:
        return torch.cat([self.directions(some) @ self.weights for some in places.features.split(ROWS)])

    def directions(self, features: Float[Tensor, "N D"]) -> Float[Tensor, "N R"]:
        """u(x): the waves that the training points leave unexplained, and the noise they are known with, in length 1.

        A sum of squares has no cancellation, so the length is right next to a training point, too.
        """
        known = self.dependence
        cross = known.kernel(known.features, features)[0]
        solved = torch.cholesky_solve(cross, known.factor).mT
        unexplained = self._waves(features) - solved @ self._at_training
        directions = torch.cat([unexplained, -math.sqrt(NUGGET) * solved], dim=1)
        return directions / directions.norm(dim=1, keepdim=True)

    @cached_property
    def _at_training(self) -> Float[Tensor, "L F2"]:
        return self._waves(self.dependence.features)

    def _waves(self, features: Float[Tensor, "N D"]) -> Float[Tensor, "N F2"]:
        angles = features @ self.frequencies
        return torch.cat([angles.cos(), angles.sin()], dim=1) / math.sqrt(angles.shape[1])


@dataclass(frozen=True)
class Shared:
    """All points move together: one normal number a draw."""

    def __repr__(self) -> str:
        return "all points move together"

    def correlation(self, places: Places, others: Places, /) -> Float[Tensor, "N M"]:
        return places.features.new_ones(len(places.keys), len(others.keys))

    def draw(self, num_functions: int, /, *, generator: Generator) -> "Everywhere":
        return Everywhere(torch.randn(num_functions, generator=generator, dtype=torch.float64))


@dataclass(frozen=True, eq=False)
class Everywhere:
    """g_k(x) = z_k."""

    values: Float[Tensor, "K"]

    def __call__(self, places: Places, /) -> Float[Tensor, "N K"]:
        return self.values.to(places.features).expand(len(places.keys), -1)
