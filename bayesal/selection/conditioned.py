"""A Gaussian function at N rows and M targets, conditioned on the labels of some points: partial Cholesky.

Taking a point p adds one column: with w its coefficients on the points already taken,
u = (S[:, p] - U w) / sqrt(S_pp - w·w + σ²), then v ← v - u² and C ← C - u u_Tᵀ. So P points cost O(N P²) and one
column of covariances each; the N x N matrix is never formed, and no jitter is needed because σ² > 0.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.linalg import solve_triangular

from bayesal.numerics.gaussian_door import as_covariance, as_variance
from bayesal.numerics.inner import Inner
from bayesal.types import Kernel

BLOCK = 16  # columns


@dataclass(frozen=True, eq=False)
class Conditioned:
    """What is left to know. ``variance`` and ``covariance`` are given the labels of the ``taken``, whatever they are.

    ``factor`` is the Cholesky factor of the covariance of their labels; ``columns`` are U, the rows' covariances with
    those labels made independent of each other, and ``target_columns`` the targets', in blocks of ``BLOCK`` columns,
    so that states share what they have in common and a pick copies little.
    """

    kernel: Kernel
    rows: Shaped[Tensor, "N ..."]
    targets: Shaped[Tensor, "M ..."]
    taken: Shaped[Tensor, "P ..."]
    factor: Float[Tensor, "P P"]
    columns: tuple[Float[Tensor, "_ N"], ...]
    target_columns: tuple[Float[Tensor, "_ M"], ...]
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
            columns=(),
            target_columns=(),
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
        weights = solve_triangular(self.factor, self._prior(self.taken, point)[:, None], upper=False)[:, 0]
        own = self.kernel.variance(point).detach().double()[0]
        scale = ((own - weights.square().sum()).clamp_min(0) + noise).sqrt()  # below 0 is rounding
        column = (self._prior(self.rows, point) - _combined(weights, self.columns)) / scale
        target_column = (self._prior(self.targets, point) - _combined(weights, self.target_columns)) / scale
        size = len(self.taken)
        factor = self.factor.new_zeros(size + 1, size + 1)
        factor[:size, :size] = self.factor
        factor[size, :size] = weights
        factor[size, size] = scale
        return replace(
            self,
            taken=torch.cat([self.taken, point]),
            factor=factor,
            columns=_appended(self.columns, column),
            target_columns=_appended(self.target_columns, target_column),
            variance=(self.variance - column.square()).clamp_min(0),
            covariance=self.covariance.addr(column, target_column, alpha=-1),
            target_variance=(self.target_variance - target_column.square()).clamp_min(0),
        )

    def _prior(self, rows: Shaped[Tensor, "N ..."], point: Shaped[Tensor, "1 ..."]) -> Float[Tensor, "N"]:
        if not len(rows):
            return self.variance.new_empty(0)
        return self.kernel.covariance(rows, point).detach().double()[:, 0]


def _appended(blocks: tuple[Tensor, ...], column: Float[Tensor, "N"]) -> tuple[Tensor, ...]:
    if blocks and len(blocks[-1]) < BLOCK:
        return (*blocks[:-1], torch.cat([blocks[-1], column[None]]))
    return (*blocks, column[None])


def _combined(weights: Float[Tensor, "P"], blocks: tuple[Tensor, ...]) -> Float[Tensor, "N"] | float:
    # Not strict: no weights split into one empty part, of no block.
    return sum((some @ block for some, block in zip(weights.split(BLOCK), blocks, strict=False)), 0.0)
