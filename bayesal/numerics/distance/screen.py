"""Products in float32: how they are formed, how far they may be off, and which numbers may enter them."""

import math

import torch
from jaxtyping import Float, Shaped
from torch import Tensor


def less_products(
    norms: Float[Tensor, "..."], rows: Float[Tensor, "n D"], others: Float[Tensor, "P D"]
) -> Float[Tensor, "n P"]:
    """norms - 2 x·s for all pairs."""
    if len(others) > 1:
        return torch.addmm(norms, rows, others.mT, alpha=-2)
    return torch.addmm(norms, rows, others.repeat(2, 1).mT, alpha=-2)[:, :1]  # two columns take half the time of one


def rounding(terms: int) -> float:
    """How far a squared distance that is a product of so many terms may be off, in squared lengths of each end."""
    try:
        exact = torch.get_float32_matmul_precision() == "highest"
    except RuntimeError:  # so torch answers where precision was set for one backend
        exact = False
    return (terms**0.5 + 16) * torch.finfo(torch.float32).eps + (0 if exact else 2.0**-7)


def unit(rows: Shaped[Tensor, "N ..."], name: str) -> float:
    """1 where float32 holds the squares of all numbers well, else the power of 2 that is next to the largest number.

    Raises ValueError for NaN, infinities and numbers whose squares are infinite.
    """
    if not rows.numel():
        return 1.0
    low, high = (float(some) for some in rows.aminmax())
    if not max(-low, high) < 1e140:
        bad = ~(rows.flatten(1).abs() < 1e140).all(1)
        raise ValueError(
            f"{name} must be finite numbers whose squares are finite too, but row {int(bad.nonzero()[0])} holds NaN, "
            "an infinity or a number above 1e140"
        )
    exponent = math.frexp(max(-low, high))[1]
    return 1.0 if abs(exponent) < 40 else 2.0 ** max(-400, exponent)
