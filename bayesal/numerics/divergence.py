"""f-divergences between densities on a grid, and how far a kernel density estimate is from a posterior.

D_φ(p, q) = Σ_g p_g φ(q_g / p_g) for a convex φ with φ(1) = 0. Neither p nor q need sum to 1: an estimate that lacks
some of its kernels does not.
"""

from typing import Literal, TypeAlias, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Divergence: TypeAlias = Literal["kl", "reverse_kl", "chi2", "hellinger", "tv"]
"""φ(r) = -ln r, r ln r, (r - 1)², (√r - 1)² and abs(r - 1) / 2: KL(p ‖ q), KL(q ‖ p), the χ² distance of q from p, the
squared Hellinger distance (at most 2), and the total variation (at most 1)."""
DIVERGENCES: tuple[Divergence, ...] = get_args(Divergence)


def check_divergence(name: str) -> None:
    """Raises ValueError for a name that is not one of ``DIVERGENCES``."""
    if name not in DIVERGENCES:
        raise ValueError(f"there is no divergence {name!r}; there are {', '.join(DIVERGENCES)}")


def f_divergence(
    name: Divergence, p: Float[Tensor, "*batch G"], q: Float[Tensor, "*batch G"]
) -> Float[Tensor, "*batch"]:
    """Σ_g p_g φ(q_g / p_g) in nats (KL) or without a unit, of masses of the cells of a grid; broadcasts.

    Where p = 0 the summand is its limit, which may be infinite; where p = q = 0 it is 0. The other order of the
    arguments is an f-divergence too, of r φ(1 / r). Raises ValueError for masses that are negative or NaN.
    """
    check_divergence(name)
    if not ((p >= 0).all() and (q >= 0).all()):
        raise ValueError("densities must not be negative or NaN; look at how the kernels were computed")
    match name:
        case "kl":
            cells = torch.xlogy(p, p) - torch.xlogy(p, q)
        case "reverse_kl":
            cells = torch.xlogy(q, q) - torch.xlogy(q, p)
        case "chi2":
            cells = torch.where(p == q, 0.0, (q - p).square() / p)
        case "hellinger":
            cells = (q.sqrt() - p.sqrt()).square()
        case "tv":
            cells = (q - p).abs() / 2
    return cells.sum(-1)


def kernel_estimate(
    kernels: Float[Tensor, "J G"], chosen: Bool[Tensor, "*batch J"], *, planned: int, floor: float
) -> Float[Tensor, "*batch G"]:
    """q_S = floor + (1/M) Σ_{j ∈ S} k_j on a grid, for sets S of kernels.

    ``planned``: M, the number of kernels that there will be in the end. It is the same for all S: with the size of S
    in its place the gain of a kernel could grow as others join (``set_objective``). Raises ValueError for M < 1.
    """
    if planned < 1:
        raise ValueError(f"the planned number of kernels must be at least 1, but it is {planned}")
    return floor + chosen.to(kernels.dtype) @ kernels / planned


def set_objective(
    name: Divergence,
    p: Float[Tensor, "G"],
    kernels: Float[Tensor, "J G"],
    chosen: Bool[Tensor, "*batch J"],
    *,
    planned: int,
    floor: float = 1e-6,
    swapped: bool = False,
) -> Float[Tensor, "*batch"]:
    """F(S) = -D_φ(p, q_S): what adding networks to an ensemble is to raise (Tiulpin and Blaschko, 2022).

    q_S adds up over S and φ is convex, so F is submodular for every φ and both orders of the arguments (``swapped``):
    F(A + e) - F(A) >= F(B + e) - F(B) for A ⊂ B. It need not be monotone. ``floor`` keeps F(∅) finite; in the unit of
    the masses of a cell.
    """
    q = kernel_estimate(kernels, chosen, planned=planned, floor=floor)
    return -(f_divergence(name, q, p.expand_as(q)) if swapped else f_divergence(name, p.expand_as(q), q))
