"""Spread over hypotheses."""

from jaxtyping import Float
from torch import Tensor


def variance_over_hypotheses(values: Float[Tensor, "N K ..."], correction: int = 0) -> Float[Tensor, "N ..."]:
    """Σ_k (v_k - v̄)² / (K - correction), in two passes: never negative, unlike the mean of squares less the square of
    the mean, and without torch's warning for no points.
    """
    deviations = values - values.mean(dim=1, keepdim=True)
    return deviations.square_().sum(dim=1) / (values.shape[1] - correction)
