"""Scores in closed form where labels are the function plus Gaussian noise: from variances and covariances alone.

All variances and covariances are of the function, without noise, in the label's unit squared; ``noise`` is the
variance σ² of a label around the function, one number or one a point, and must be above 0. Computed in float64 and
returned in the precision of ``variance`` (at least float32). All raise ValueError for NaN, for variances below 0 by
more than rounding, and for a noise that is not above 0.

ALM, the other classic (MacKay, 1992), is the variance itself, and ranks single points as ``gaussian_bald`` does.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from bayesal.numerics.gaussian import information, mean_information, mean_reduction
from bayesal.numerics.gaussian_door import as_covariance, as_noise, as_variance, as_weights


def gaussian_bald(variance: Float[Tensor, "N"], noise: float | Float[Tensor, "..."]) -> Float[Tensor, "N"]:
    """I(y; f) = ½ ln(1 + v / σ²), in nats (MacKay, 1992; Houlsby et al., 2011)."""
    v = as_variance(variance)
    return _as_given(information(v, as_noise(noise, v)), variance)


def gaussian_epig(
    variance: Float[Tensor, "N"],
    covariance: Float[Tensor, "N M"],
    target_variance: Float[Tensor, "M"],
    noise: float | Float[Tensor, "..."],
    target_noise: float | Float[Tensor, "..."] | None = None,
    target_weights: Float[Tensor, "M"] | None = None,
) -> Float[Tensor, "N"]:
    """mean_t w_t I(y; y*_t), I = -½ ln(1 - c² / ((v + σ²)(v* + σ*²))), in nats (Bickford Smith et al., 2023).

    ``covariance``: c, between the points and the M targets. ``target_noise``: σ*², one number or one a target; None is
    the noise of the points, if that is one number, and 0 asks what is learned of the function itself at the targets.
    ``target_weights``: how much each target counts, scaled to the mean 1. At most ``gaussian_bald``.

    Raises ValueError also for no targets, for covariances larger than their variances allow, and for weights below 0.
    """
    if target_noise is None and isinstance(noise, Tensor) and noise.ndim:
        raise ValueError("noise is given point by point, so that of the targets is not known; give target_noise too")
    v, v_target = as_variance(variance), as_variance(target_variance, "target_variance")
    c = as_covariance(covariance, v, v_target)
    s = as_noise(noise, v)
    s_target = as_noise(noise if target_noise is None else target_noise, v_target, "target_noise", zero=True)
    return _as_given(mean_information(v, c, v_target, s, s_target, as_weights(target_weights, c)), variance)


def alc(
    variance: Float[Tensor, "N"],
    covariance: Float[Tensor, "N M"],
    noise: float | Float[Tensor, "..."],
    target_weights: Float[Tensor, "M"] | None = None,
) -> Float[Tensor, "N"]:
    """mean_t w_t c² / (v + σ²): how much the label lowers the variance at the targets, whatever it turns out to be.

    In the label's unit squared, not in nats (Cohn, Ghahramani and Jordan, 1996). ``covariance``: c, between the points
    and the M targets; ``target_weights`` are scaled to the mean 1. With one target it ranks as ``gaussian_epig`` does.

    Raises ValueError also for no targets and for weights below 0.
    """
    v = as_variance(variance)
    c = as_covariance(covariance, v)
    return _as_given(mean_reduction(v, c, as_noise(noise, v), as_weights(target_weights, c)), variance)


def _as_given(scores: Float[Tensor, "N"], variance: Float[Tensor, "N"]) -> Float[Tensor, "N"]:
    return scores.to(torch.promote_types(variance.dtype, torch.float32))
