"""A kernel given labels at some points, where there are no features or too many: k - zᵀz' with z = L⁻¹ k(X, x)."""

from dataclasses import dataclass, replace
from typing import cast

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.linalg import solve_triangular

from bayesal.numerics.inner import Inner
from bayesal.numerics.linalg import noisy_cholesky
from bayesal.recipe import recipe
from bayesal.representations.beside import as_kernel, inner_shape
from bayesal.representations.blockwise import Blockwise, covariance_of, variance_of
from bayesal.representations.combined import Part
from bayesal.representations.door import checked
from bayesal.representations.mapped import mapped
from bayesal.representations.represented import Represented
from bayesal.types import Kernel

REMEMBERED = 2**28  # numbers: rows of more, 2 GiB in float64, are not written down beside what the labels tell of them


@dataclass(frozen=True, repr=False)
class Remaining(Blockwise):
    """What the second kernel explains of the first is known: k - zᵀz', never below 0 on the diagonal."""

    prior: Kernel
    explained: Kernel

    __repr__ = recipe

    def block_variance(self, rows: Shaped[Tensor, "N ..."], /) -> Float[Tensor, "N"]:
        return (variance_of(self.prior, rows) - variance_of(self.explained, rows)).clamp_min(0)  # below is rounding

    def block_covariance(
        self, rows: Shaped[Tensor, "N ..."], points: Shaped[Tensor, "P ..."], /
    ) -> Float[Tensor, "N P"]:
        return covariance_of(self.prior, rows, points) - covariance_of(self.explained, rows, points)


@dataclass(frozen=True, eq=False, repr=False)
class Explained(Blockwise):
    """zᵀz' with z = L⁻¹ k(X, x), computed for whatever rows are asked for."""

    prior: Kernel
    points: Shaped[Tensor, "P ..."]
    factor: Float[Tensor, "P P"]

    __repr__ = recipe

    def told(self, rows: Shaped[Tensor, "N ..."], /) -> Float[Tensor, "N P"]:
        """z of every row."""
        return solve_triangular(self.factor.mT, covariance_of(self.prior, rows, self.points), upper=True, left=False)

    def numbers(self, rows: Shaped[Tensor, "N ..."], /) -> int:
        return max(rows[:1].numel(), len(self.points))

    def block_variance(self, rows: Shaped[Tensor, "N ..."], /) -> Float[Tensor, "N"]:
        return Inner().variance(self.told(rows))

    def block_covariance(
        self, rows: Shaped[Tensor, "N ..."], points: Shaped[Tensor, "P ..."], /
    ) -> Float[Tensor, "N P"]:
        return self.told(rows) @ self.told(points).T


def given(represented: Represented, on: str, noise: float | int) -> Represented:
    """The kernel given labels with noise (a standard deviation) at the "known" rows or at those of the "pool".

    Rows are written down with their z beside them, in float64, unless that would take more than 2 GiB; then, and for
    rows that are no floats, the kernel computes z whenever it is asked.
    """
    represented = checked(as_kernel(represented))
    kernel, points = cast(Kernel, represented.kernel), represented.known if on == "known" else represented.rows
    if len(points) ** 2 > REMEMBERED:
        raise ValueError(
            f"a posterior by the kernel factors a matrix of all points that are given, but there are {len(points)}; "
            "sketch the kernel first, or give fewer"
        )
    matrix = covariance_of(kernel, points, points)
    matrix.diagonal().copy_(variance_of(kernel, points))
    factor, _, notes = noisy_cholesky(matrix, noise)
    explained = Explained(kernel, points, factor)
    conditioned = replace(represented, kernel=Remaining(kernel, explained), notes=represented.notes + notes)
    size = represented.rows[:1].numel() or represented.known[:1].numel()
    total = size + len(points)
    if not points.is_floating_point() or len(represented.rows) * total > REMEMBERED:
        return conditioned

    def beside(rows: Shaped[Tensor, "N ..."]) -> Float[Tensor, "N D"]:
        return torch.cat([rows.reshape(len(rows), size).double(), explained.told(rows)], 1)

    return replace(
        conditioned,
        known=mapped(represented.known, beside, total, torch.float64),
        rows=mapped(represented.rows, beside, total, torch.float64),
        kernel=Remaining(Part(0, size, kernel, inner_shape(points)), Part(size, total)),
    )
