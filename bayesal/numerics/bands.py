"""How good bands mean ± c · sd are: how many labels they hold, and how wide they are for that."""

import math

from jaxtyping import Float
from torch import Tensor


def coverage(labels: Float[Tensor, "N"], mean: Float[Tensor, "N"], sd: Float[Tensor, "N"], c: float = 1.0) -> float:
    """CP: the share of labels within mean ± c · sd."""
    return ((labels - mean).abs() <= c * sd).double().mean().item()


def mean_width(sd: Float[Tensor, "N"], c: float = 1.0) -> float:
    """MW: the mean of 2 c · sd."""
    return 2 * c * sd.double().mean().item()


def nlpd(labels: Float[Tensor, "N"], mean: Float[Tensor, "N"], sd: Float[Tensor, "N"]) -> float:
    """Mean of ½ ln 2π + ln sd + (label - mean)² / (2 sd²), in nats. Raises ValueError unless every sd is positive."""
    if not (sd > 0).all():
        raise ValueError("every standard deviation must be positive: at sd = 0 a density has no logarithm")
    score = ((labels - mean) / sd).double()
    return (score.square() / 2 + sd.double().log()).mean().item() + math.log(2 * math.pi) / 2


def widths_at_coverage(
    labels: Float[Tensor, "N"], mean: Float[Tensor, "N"], sd: Float[Tensor, "N"], shares: Float[Tensor, "S"]
) -> Float[Tensor, "S"]:
    """MW of the narrowest bands mean ± c · sd that hold at least these shares of the labels: one c for all points."""
    if len(labels) == 0 or not ((shares > 0) & (shares <= 1)).all():
        raise ValueError("widths need at least one label, and shares above 0 and at most 1")
    needed = ((labels - mean).abs() / sd).double().sort().values
    ranks = (shares.double() * len(labels) - 1e-9).ceil().long().clamp(min=1)
    return 2 * needed[ranks - 1] * sd.double().mean()
