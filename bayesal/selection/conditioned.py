"""A Gaussian function at N rows and M targets, conditioned on the labels of some points: partial Cholesky.

Taking a point p adds one column: with w its coefficients on the points already taken,
u = (S[:, p] - U w) / sqrt(S_pp - w·w + σ²), then v ← v - u² and C ← C - u u_Tᵀ. So P points cost O(N P²) and one
column of covariances each; the N x N matrix is never formed, and no jitter is needed because σ² > 0.
"""

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.linalg import solve_triangular

from bayesal.numerics.gaussian_door import as_covariance, as_variance


@runtime_checkable
class Kernel(Protocol):
    """The prior covariance of the function between rows, whatever a row is: features, inputs, or places in a pool."""

    def variance(self, rows: Shaped[Tensor, "N ..."], /) -> Float[Tensor, "N"]: ...

    def covariance(self, rows: Shaped[Tensor, "N ..."], points: Shaped[Tensor, "P ..."], /) -> Float[Tensor, "N P"]: ...


@dataclass(frozen=True)
class Inner:
    """Rows are features ``N D`` and S = F Fᵀ."""

    def variance(self, rows: Shaped[Tensor, "N ..."], /) -> Float[Tensor, "N"]:
        return torch.linalg.vector_norm(_features(rows), dim=1).double().square()

    def covariance(self, rows: Shaped[Tensor, "N ..."], points: Shaped[Tensor, "P ..."], /) -> Float[Tensor, "N P"]:
        return _features(rows) @ _features(points).T


@dataclass(frozen=True, eq=False)
class Conditioned:
    """What is left to know. ``variance`` and ``covariance`` are given the labels of the ``taken``, whatever they are.

    ``factor`` is the Cholesky factor of the covariance of their labels; ``columns`` are U, the rows' covariances with
    those labels made independent of each other, and ``target_columns`` the targets'.
    """

    kernel: Kernel
    rows: Shaped[Tensor, "N ..."]
    targets: Shaped[Tensor, "M ..."]
    taken: Shaped[Tensor, "P ..."]
    factor: Float[Tensor, "P P"]
    columns: Float[Tensor, "N P"]
    target_columns: Float[Tensor, "M P"]
    variance: Float[Tensor, "N"]
    covariance: Float[Tensor, "N M"]
    target_variance: Float[Tensor, "M"]

    @classmethod
    def on_nothing(
        cls, kernel: Kernel | None, rows: Shaped[Tensor, "N ..."], targets: Shaped[Tensor, "M ..."] | None
    ) -> "Conditioned":
        """Nothing taken; without a kernel rows are features.

        Raises ValueError for rows or targets the kernel cannot read, and for covariances that cannot be.
        """
        kernel = Inner() if kernel is None else kernel
        rows = rows.detach()
        variance = as_variance(kernel.variance(rows), "the rows' variance")
        if targets is None:
            targets, target_variance, covariance = rows[:0], variance[:0], variance.new_empty(len(rows), 0)
        else:
            targets = targets.detach().to(rows.device)
            target_variance = as_variance(kernel.variance(targets), "the targets' variance")
            covariance = as_covariance(kernel.covariance(rows, targets), variance, target_variance)
        return cls(
            kernel,
            rows,
            targets,
            taken=rows[:0],
            factor=variance.new_empty(0, 0),
            columns=variance.new_empty(len(rows), 0),
            target_columns=variance.new_empty(len(targets), 0),
            variance=variance,
            covariance=covariance,
            target_variance=target_variance,
        )

    def on(self, points: Shaped[Tensor, "P ..."], noise: float) -> "Conditioned":
        """Their labels are known too, with noise of this variance."""
        state = self
        for point in points.detach().split(1):
            state = state._on_one(point, noise)
        return state

    def _on_one(self, point: Shaped[Tensor, "1 ..."], noise: float) -> "Conditioned":
        weights = solve_triangular(self.factor, self._prior(self.taken, point), upper=False)
        own = self.kernel.variance(point).detach().double()
        scale = ((own - weights.square().sum(0)).clamp_min(0) + noise).sqrt()  # below 0 is rounding
        column = (self._prior(self.rows, point) - self.columns @ weights) / scale
        target_column = (self._prior(self.targets, point) - self.target_columns @ weights) / scale
        size = len(self.taken)
        factor = self.factor.new_zeros(size + 1, size + 1)
        factor[:size, :size] = self.factor
        factor[size, :size] = weights[:, 0]
        factor[size, size] = scale[0]
        return replace(
            self,
            taken=torch.cat([self.taken, point]),
            factor=factor,
            columns=torch.cat([self.columns, column], 1),
            target_columns=torch.cat([self.target_columns, target_column], 1),
            variance=(self.variance - column[:, 0].square()).clamp_min(0),
            covariance=self.covariance - column * target_column.T,
            target_variance=(self.target_variance - target_column[:, 0].square()).clamp_min(0),
        )

    def _prior(self, rows: Shaped[Tensor, "N ..."], point: Shaped[Tensor, "1 ..."]) -> Float[Tensor, "N 1"]:
        if not len(rows):
            return self.variance.new_empty(0, 1)
        return self.kernel.covariance(rows, point).detach().double()


def _features(rows: Tensor) -> Float[Tensor, "N D"]:
    if rows.ndim != 2 or not rows.is_floating_point():
        raise ValueError(
            f"without a kernel rows are features of shape (N, D), but these are {rows.dtype} of shape "
            f"{tuple(rows.shape)}; give features, or a kernel for rows of another kind"
        )
    return rows.to(torch.promote_types(rows.dtype, torch.float32))
