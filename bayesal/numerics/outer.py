"""Sums of outer products at every point, Σ_t δ_nt a_ntᵀ in G blocks: norms and random projections of them.

``left``: δ, ``n G O T``; ``right``: a, ``n G I T``. Written down they are ``n G O I``.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

NUMBERS = 2**21  # in one block of points: 8 MiB of float32, which the next step still finds in the cache


def squared_norms(left: Float[Tensor, "n G O T"], right: Float[Tensor, "n G I T"]) -> Float[Tensor, "n"]:
    """‖Σ_t δ_t a_tᵀ‖² in float64, as Σ_tt' (δ_t·δ_t')(a_t·a_t') where that costs less than writing the sum down."""
    num_outputs, num_positions, num_inputs = *left.shape[2:], right.shape[2]
    if num_positions == 1:
        lengths = [torch.linalg.vector_norm(factor, dim=(2, 3), dtype=torch.float64) for factor in (left, right)]
        return (lengths[0] * lengths[1]).square().sum(1)
    largest = left.abs().amax((1, 2, 3), keepdim=True)  # gradients of nearly certain points have no square in float32
    left = left / largest.where(largest > 0, 1)
    if num_positions * (num_outputs + num_inputs) < num_outputs * num_inputs:
        squares = ((left.mT @ left) * (right.mT @ right)).sum((1, 2, 3), dtype=torch.float64).clamp_min(0)
    else:
        squares = torch.linalg.vector_norm(written(left, right), dim=(1, 2, 3)).double().square()
    return squares * largest.flatten().double().square()


def written(left: Float[Tensor, "n G O T"], right: Float[Tensor, "n G I T"]) -> Float[Tensor, "n G O I"]:
    """Σ_t δ_t a_tᵀ."""
    return left @ right.mT


def projected(
    left: Float[Tensor, "n G O T"], right: Float[Tensor, "n G I T"], outer: Float[Tensor, "G O p"], inner: Tensor
) -> Float[Tensor, "n p"]:
    """Σ_t (δ_t · outer_j)(a_t · inner_j) for every column j (``inner``: ``I p``), by whichever way costs less."""
    num_groups, num_outputs, num_positions, num_inputs = *left.shape[1:], right.shape[2]
    if num_groups == num_positions == 1:  # one product of matrices each, not one a point
        return (right.flatten(1) @ inner).mul_(left.flatten(1) @ outer[0])
    along = num_positions * inner.shape[1] * (num_inputs + num_outputs)
    across = num_outputs * num_inputs * (num_positions + inner.shape[1])
    if across < along:
        return projected_matrices(written(left, right), outer, inner)
    above = left.mT @ outer if num_groups > 1 else left.mT.reshape(-1, num_outputs) @ outer[0]
    below = right.mT.reshape(-1, num_inputs) @ inner
    return below.mul_(above.reshape(below.shape)).view(len(left), -1, inner.shape[1]).sum(1)


def projected_matrices(
    matrices: Float[Tensor, "n G O I"], outer: Float[Tensor, "G O p"], inner: Float[Tensor, "I p"]
) -> Float[Tensor, "n p"]:
    """outer_jᵀ M inner_j for every column j."""
    rows = matrices.reshape(-1, len(inner)) @ inner
    return rows.view(*matrices.shape[:3], -1).mul_(outer).sum((1, 2))


def blocks(count: int, numbers_per_point: int) -> Iterator[slice]:
    """Neighbouring points that fit into memory together, at least one at a time."""
    step = max(1, NUMBERS // max(1, numbers_per_point))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))
