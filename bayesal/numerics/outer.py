"""Sums of outer products at every point, Σ_t δ_nt a_ntᵀ in G blocks: norms and random projections of them.

``left``: δ, ``n G O T``; ``right``: a, ``n G I T``. Written down they are ``n G O I``.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

NUMBERS = 2**24  # in one block of points: 64 MiB of float32


def squared_norms(left: Float[Tensor, "n G O T"], right: Float[Tensor, "n G I T"]) -> Float[Tensor, "n"]:
    """‖Σ_t δ_t a_tᵀ‖² in float64, as Σ_tt' (δ_t·δ_t')(a_t·a_t') where that costs less than writing the sum down."""
    num_outputs, num_positions, num_inputs = *left.shape[2:], right.shape[2]
    if num_positions == 1:
        return (_squared(left, (2, 3)) * _squared(right, (2, 3))).sum(1)
    if num_positions * (num_outputs + num_inputs) < num_outputs * num_inputs:
        return ((left.mT @ left) * (right.mT @ right)).sum((1, 2, 3), dtype=torch.float64).clamp_min(0)
    return _squared(written(left, right), (1, 2, 3))


def written(left: Float[Tensor, "n G O T"], right: Float[Tensor, "n G I T"]) -> Float[Tensor, "n G O I"]:
    """Σ_t δ_t a_tᵀ."""
    return left @ right.mT


def projected(
    left: Float[Tensor, "n G O T"], right: Float[Tensor, "n G I T"], outer: Float[Tensor, "G O p"], inner: Tensor
) -> Float[Tensor, "n p"]:
    """Σ_t (δ_t · outer_j)(a_t · inner_j) for every column j (``inner``: ``I p``), by whichever way costs less."""
    num_outputs, num_positions, num_inputs = *left.shape[2:], right.shape[2]
    along = num_positions * inner.shape[1] * (num_inputs + num_outputs)
    across = num_outputs * num_inputs * (num_positions + inner.shape[1])
    if along <= across:
        products = (right.mT @ inner).mul_(left.mT @ outer)  # n G T p
        return products.sum((1, 2))
    return projected_matrices(written(left, right), outer, inner)


def projected_matrices(
    matrices: Float[Tensor, "n G O I"], outer: Float[Tensor, "G O p"], inner: Float[Tensor, "I p"]
) -> Float[Tensor, "n p"]:
    """outer_jᵀ M inner_j for every column j."""
    return (matrices @ inner).mul_(outer).sum((1, 2))


def blocks(count: int, numbers_per_point: int) -> Iterator[slice]:
    """Neighbouring points that fit into memory together, at least one at a time."""
    step = max(1, NUMBERS // max(1, numbers_per_point))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def _squared(values: Tensor, axes: tuple[int, ...]) -> Tensor:
    return torch.linalg.vector_norm(values, dim=axes, dtype=torch.float64).square()
