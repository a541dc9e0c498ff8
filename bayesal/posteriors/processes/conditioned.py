"""Gaussian processes given noisy values at some points: what is known of them elsewhere, in closed form."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from bayesal.posteriors.processes.kernels import Stationary
from bayesal.posteriors.processes.paths import NUM_FREQUENCIES, Paths, draw_paths, noisy_factor

Trend: TypeAlias = Callable[[Float[Tensor, "N D"]], Float[Tensor, "#B N"]]
"""The mean of each process before anything is known."""


@runtime_checkable
class Covariance(Protocol):
    """The covariances of B processes before anything is known."""

    def __call__(self, points: Float[Tensor, "N D"], others: Float[Tensor, "M D"]) -> Float[Tensor, "#B N M"]: ...

    def variance(self, points: Float[Tensor, "N D"]) -> Float[Tensor, "#B N"]: ...


@dataclass(frozen=True, eq=False)
class Level:
    """The same mean everywhere, one a process."""

    level: Float[Tensor, "B"]

    def __call__(self, points: Float[Tensor, "N D"]) -> Float[Tensor, "B N"]:
        return self.level[:, None].expand(-1, len(points))


@dataclass(frozen=True, eq=False)
class Conditioned:
    """B Gaussian processes given ``targets`` with normal errors of variance ``noise`` at L points; L = 0: the priors.

    With A = k(X, X) + noise: the mean is m(x) + k(x, X) A⁻¹ (y - m(X)), the covariance k(x, x') - k(x, X) A⁻¹ k(X, x')
    (Rasmussen and Williams, 2006, equations 2.25 and 2.26). A is factored once, with jitter where it has to be.
    """

    kernel: Covariance
    trend: Trend
    inputs: Float[Tensor, "L D"]
    targets: Float[Tensor, "B L"]
    noise: Float[Tensor, "#B #L"]

    @cached_property
    def factor(self) -> Float[Tensor, "#B L L"]:
        """The Cholesky factors of A."""
        return noisy_factor(self.kernel, self.inputs, self.noise)

    @cached_property
    def residuals(self) -> Float[Tensor, "B L"]:
        return self.targets - self.trend(self.inputs)

    @cached_property
    def weights(self) -> Float[Tensor, "B L 1"]:
        """A⁻¹ (y - m(X))."""
        return torch.cholesky_solve(self.residuals[:, :, None], self.factor)

    def mean(self, points: Float[Tensor, "N D"]) -> Float[Tensor, "B N"]:
        return self.trend(points) + (self.kernel(points, self.inputs) @ self.weights).squeeze(-1)

    def covariance(self, points: Float[Tensor, "N D"], others: Float[Tensor, "M D"]) -> Float[Tensor, "B N M"]:
        return self.kernel(points, others) - self._explained(points).mT @ self._explained(others)

    def variance(self, points: Float[Tensor, "N D"]) -> Float[Tensor, "B N"]:
        return (self.kernel.variance(points) - self._explained(points).square().sum(dim=1)).clamp_min(0)

    def draw(self, num_paths: int, *, generator: Generator, num_frequencies: int = NUM_FREQUENCIES) -> Paths:
        """Functions of each process less its trend. Raises ValueError for a kernel that is not stationary."""
        if not isinstance(self.kernel, Stationary):
            raise ValueError(
                "functions can be drawn of processes with a squared-exponential or Matérn kernel, alone or in a "
                f"ScaleKernel, but this one has {self.kernel}; its mean and covariance are there in closed form"
            )
        return draw_paths(
            self.kernel,
            self.inputs,
            self.residuals,
            self.noise,
            num_paths,
            generator=generator,
            num_frequencies=num_frequencies,
            factor=self.factor,
        )

    def _explained(self, points: Float[Tensor, "N D"]) -> Float[Tensor, "B L N"]:
        """Root of what the values say: its square is k(x, X) A⁻¹ k(X, x)."""
        beside = self.kernel(self.inputs, points)
        return torch.linalg.solve_triangular(self.factor, beside.expand(len(self.factor), -1, -1), upper=False)
