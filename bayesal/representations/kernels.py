"""Kernels of inputs that need no model: linear and Laplace. Rows are the inputs ``N ...``, laid flat."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from bayesal.numerics.inner import Inner
from bayesal.recipe import recipe
from bayesal.representations.blockwise import Blockwise
from bayesal.representations.door import check_finite, flat


@dataclass(frozen=True, repr=False)
class Laplace(Blockwise):
    """k(x, x') = exp(-s ‖x - x'‖)."""

    scale: float | int

    __repr__ = recipe

    def __post_init__(self) -> None:
        if not 0 < self.scale < torch.inf:
            raise ValueError(f"the scale of a Laplace kernel is a number above 0, but it is {self.scale}")

    def block_variance(self, rows: Shaped[Tensor, "N ..."], /) -> Float[Tensor, "N"]:
        check_finite(rows)
        return torch.ones(len(rows), dtype=torch.float64, device=rows.device)

    def block_covariance(
        self, rows: Shaped[Tensor, "N ..."], points: Shaped[Tensor, "P ..."], /
    ) -> Float[Tensor, "N P"]:
        # Differences first: a distance out of products of rows is wrong by 1e-8 of their length, so copies would differ
        distances = torch.cdist(flat(rows), flat(points), compute_mode="donot_use_mm_for_euclid_dist")
        return distances.mul_(-self.scale).exp_()


def linear() -> Inner:
    """k(x, x') = xᵀx', of rows ``N D``: the inputs are their own features, as they are where there is no kernel."""
    return Inner()


def laplace(scale: float | int = 1.0) -> Laplace:
    """k(x, x') = exp(-s ‖x - x'‖), s the ``scale`` in 1 / (the unit of the inputs): standardise them first.

    Between 0 and 1, and 1 where x = x'. Raises ValueError for a scale that is not above 0 and for inputs with NaN.
    Infinitely many features, so it cannot be sketched. Holzmüller et al. (2023).
    """
    return Laplace(scale)
