"""The Barlow Twins loss: two views of a point look alike, and no two features say the same."""

import torch
from jaxtyping import Float
from torch import Tensor

WEIGHT = 0.0051
"""λ of the paper: what the correlations between different features count."""
EPS = 1e-5
"""Added to every variance, as batch normalisation does it: a constant feature is then uncorrelated to all."""


def barlow_twins(first: Tensor, second: Tensor, *, weight: float = WEIGHT, eps: float = EPS) -> Float[Tensor, ""]:
    """L = Σ_i (C_ii - 1)² + λ Σ_{i ≠ j} C_ij², where C is the cross-correlation of the features of two views ``N D``.

    Zbontar, Jing, Misra, LeCun and Deny (ICML 2021, arXiv:2103.03230). Row n of both is the same point;
    C = ẐᵀẐ' / N of columns standardised over the N points by their population variance plus ``eps``. From 0 (equal
    views, uncorrelated features) to 4 D + λ D (D - 1); no unit. One point, or a constant column, has C_ii = 0, which
    costs 1.

    Where 2 N < D, ‖C‖² is computed from two matrices N × N, and C is never written down: the same value to rounding.
    Half precision is computed in float32, also under autocast. Gradients flow through. Raises ValueError as
    ``barlow_terms`` does.
    """
    invariance, redundancy = barlow_terms(first, second, eps=eps)
    return invariance + weight * redundancy


def barlow_terms(first: Tensor, second: Tensor, *, eps: float = EPS) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Σ_i (C_ii - 1)² and Σ_{i ≠ j} C_ij²: what is not the same in both views, and what is said twice.

    Raises ValueError for views of different shapes, for no points, and for ``eps`` that is not above 0.
    """
    count, num_features = _checked(first, second)
    with torch.autocast(first.device.type, enabled=False):
        a, b = standardised(first, eps), standardised(second, eps)
        diagonal = (a * b).sum(0) / count
        if 2 * count < num_features:
            squares = ((a @ a.T) * (b @ b.T)).sum() / count**2
            redundancy = squares - diagonal.square().sum()
        else:
            correlations = a.T @ b / count
            redundancy = (correlations - torch.diag(correlations.diagonal())).square().sum()
        return (diagonal - 1).square().sum(), redundancy


def cross_correlation(first: Tensor, second: Tensor, *, eps: float = EPS) -> Float[Tensor, "D D"]:
    """C = ẐᵀẐ' / N of two views, between -1 and 1. Raises ValueError as ``barlow_terms`` does."""
    count, _ = _checked(first, second)
    with torch.autocast(first.device.type, enabled=False):
        return standardised(first, eps).T @ standardised(second, eps) / count


def standardised(view: Float[Tensor, "N D"], eps: float = EPS) -> Float[Tensor, "N D"]:
    """Columns of mean 0 and of variance v / (v + ``eps``), at least float32."""
    if not eps > 0:
        raise ValueError(f"eps must be above 0, or a constant feature is divided by 0, but it is {eps}")
    wide = view.to(torch.promote_types(view.dtype, torch.float32))
    centred = wide - wide.mean(0)
    return centred * (centred.square().mean(0) + eps).rsqrt()


def _checked(first: Tensor, second: Tensor) -> tuple[int, int]:
    if first.ndim != 2 or first.shape != second.shape:
        raise ValueError(
            "two views of the same points are two tables of one shape (N, D), but these are "
            f"{tuple(first.shape)} and {tuple(second.shape)}"
        )
    if len(first) == 0:
        raise ValueError("there are no points to correlate: a batch needs at least one, and more to say anything")
    return first.shape[0], first.shape[1]
