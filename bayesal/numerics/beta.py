"""The differential entropy of Beta distributions, from widest to narrowest, without cancellation."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

LARGE = 30.0  # from this shape on, the series below is better than 1e-15, and lgamma and digamma would cancel
STIRLING = (-1 / 3, -1 / 12, -1 / 90, 1 / 120, 1 / 210, -1 / 252, -1 / 210, 1 / 240)


def beta_entropy(a: Float[Tensor, "..."], b: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """h(Beta(a, b)) = ln B(a, b) - (a-1) ψ(a) - (b-1) ψ(b) + (a+b-2) ψ(a+b), at most 0, in nats.

    Computed as h_Γ(a) + h_Γ(b) - h_Γ(a+b) - ψ(a+b), h_Γ the entropy of a Gamma distribution, whose growing terms have
    cancelled on paper: in the form above they cancel in the computer, and at a + b = 1e9 leave six digits in float64
    and none in float32. Unlike the entropy of a Normal of equal variance it is also right where Beta is skewed (one
    shape near 1, the other huge). What rounds above 0, which no density on [0, 1] has, is 0. NaN stays NaN.

    Use float64; ``a`` and ``b`` must be positive.
    """
    total = a + b
    entropy = _gamma_entropy(a) + _gamma_entropy(b) - _gamma_entropy(total) - torch.digamma(total)
    return entropy.clamp_max(0)


def _gamma_entropy(shape: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """a + ln Γ(a) + (1 - a) ψ(a); for large a by the series of Stirling: ½ ln(2πe a) - 1/(3a) - 1/(12a²) - ...."""
    small = shape.clamp_max(LARGE)
    direct = small + torch.lgamma(small) + (1 - small) * torch.digamma(small)
    x = 1 / shape.clamp_min(LARGE)
    tail = x.new_zeros(())
    for coefficient in reversed(STIRLING):
        tail = x * (coefficient + tail)
    series = 0.5 * (math.log(2 * math.pi * math.e) - x.log()) + tail
    return torch.where(shape < LARGE, direct, series)
