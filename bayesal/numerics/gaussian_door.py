"""What moments of Gaussian labels must be: numbers, variances above 0, covariances that their variances allow."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from bayesal.numerics.gaussian import blocks


def as_variance(variance: Float[Tensor, "N"], name: str = "variance") -> Float[Tensor, "N"]:
    """In float64, where what rounding left below 0 is 0. Raises ValueError for NaN, infinities and what is below 0."""
    values = variance.detach().double()
    _check_finite(values, name)
    lowest, most = (float(some) for some in values.aminmax()) if len(values) else (0.0, 0.0)
    if lowest < -slack(variance) * max(most, -lowest):
        raise ValueError(
            f"{name} must not be negative, but position {int(values.argmin())} has {lowest:.3g}; check the model's "
            "covariance, or compute it in float64"
        )
    return values.clamp_min(0)


def as_covariance(
    covariance: Float[Tensor, "..."], variance: Float[Tensor, "N"], target_variance: Float[Tensor, "M"] | None = None
) -> Float[Tensor, "N M"]:
    """In float64. Raises ValueError for another shape, no targets, NaN, infinities, and c² above v v* by more than
    rounding."""
    size = None if target_variance is None else len(target_variance)
    if covariance.ndim != 2 or len(covariance) != len(variance) or size not in (None, covariance.shape[1]):
        raise ValueError(
            f"covariance must have one row for each of {len(variance)} points and one column for each target"
            + ("" if size is None else f", of which there are {size}")
            + f", but has shape {tuple(covariance.shape)}"
        )
    if covariance.shape[1] == 0:
        raise ValueError("there are no targets; give at least one input whose prediction matters")
    values = covariance.detach().double()
    _check_finite(values, "covariance")
    if target_variance is None or not len(variance):
        return values
    most = float(variance.max() * target_variance.max())
    for some in blocks(values):
        excess = values[some].square() - variance[some, None] * target_variance
        if float(excess.max()) > slack(covariance) * most:
            raise ValueError(
                "a covariance is larger than its two variances allow (c² > v v*); all three must be of the function "
                "without noise, at the same points in the same order"
            )
    return values


def as_noise(
    noise: float | Float[Tensor, "..."], variance: Float[Tensor, "N"], name: str = "noise", *, zero: bool = False
) -> Float[Tensor, "N"]:
    """One variance a point, in float64. Raises ValueError unless all are finite and above 0 (or 0, with ``zero``)."""
    values = torch.as_tensor(noise, dtype=torch.float64, device=variance.device).detach()
    if values.ndim and values.shape != variance.shape:
        raise ValueError(
            f"{name} must be one variance, or one for each of the {len(variance)}, but has shape {tuple(values.shape)}"
        )
    if not bool((values.isfinite() & ((values >= 0) if zero else (values > 0))).all()):
        bad = values.flatten()[int((~(values.isfinite() & (values > 0))).flatten().nonzero()[0])]
        raise ValueError(
            f"{name} is a variance and must be {'at least' if zero else 'above'} 0, but it is {float(bad):.3g}"
            + ("" if zero else "; a label without noise would tell infinitely much: use the noise your labels have")
        )
    return values.expand_as(variance)


def as_weights(weights: Float[Tensor, "..."] | None, covariance: Float[Tensor, "N M"]) -> Float[Tensor, "M"]:
    """Scaled to the sum 1; even if None. Raises ValueError for other shapes, negative weights, NaN, or a sum of 0."""
    size, device = covariance.shape[1], covariance.device
    if weights is None:
        return torch.full((size,), 1 / size, dtype=torch.float64, device=device)
    values = weights.detach().to(device).double()
    total = float(values.sum())
    if values.shape != (size,) or not bool((values >= 0).all()) or not 0 < total < math.inf:
        raise ValueError(
            f"target weights must be {size} numbers of at least 0 that do not all vanish, one a target, but they have "
            f"shape {tuple(values.shape)} and sum {total:.3g}"
        )
    return values / total


def slack(values: Tensor) -> float:
    """How far rounding may take a variance, relative to the largest: k(x, x) less what is known is a difference."""
    return 1e-6 if values.dtype == torch.float64 else 1e-3


def _check_finite(values: Tensor, name: str) -> None:
    bad = ~values.isfinite()
    if bool(bad.any()):
        raise ValueError(
            f"{name} must be finite numbers, but position {int(bad.nonzero()[0, 0])} holds NaN or infinity"
        )
