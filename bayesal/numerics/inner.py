"""The kernel of features: inner products."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor


@dataclass(frozen=True)
class Inner:
    """Rows are features ``N D`` and S = F Fᵀ."""

    def variance(self, rows: Shaped[Tensor, "N ..."], /) -> Float[Tensor, "N"]:
        return torch.linalg.vector_norm(_features(rows), dim=1).double().square()

    def covariance(self, rows: Shaped[Tensor, "N ..."], points: Shaped[Tensor, "P ..."], /) -> Float[Tensor, "N P"]:
        return _features(rows) @ _features(points).T


def _features(rows: Tensor) -> Float[Tensor, "N D"]:
    if rows.ndim != 2 or not rows.is_floating_point():
        raise ValueError(
            f"without a kernel rows are features of shape (N, D), but these are {rows.dtype} of shape "
            f"{tuple(rows.shape)}; give features, or a kernel for rows of another kind"
        )
    return rows.to(torch.promote_types(rows.dtype, torch.float32))
