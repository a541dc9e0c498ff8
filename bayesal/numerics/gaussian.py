"""What labels with Gaussian noise tell, from (co)variances of the function and the variance of the noise; in nats.

Variances are of the function, without noise. Everything is computed in float64, and no difference of nearly equal
numbers is taken except v v* - c², so that tiny and huge signal-to-noise ratios are both accurate.
"""

import torch
from jaxtyping import Float
from torch import Tensor

ELEMENTS = 2**18  # (point, target) pairs in one block: 2 MiB


def information(variance: Float[Tensor, "N"], noise: Float[Tensor, "N"]) -> Float[Tensor, "N"]:
    """I(y; f) = ½ ln(1 + v / σ²)."""
    return 0.5 * torch.log1p(variance / noise)


def mean_information(
    variance: Float[Tensor, "N"],
    covariance: Float[Tensor, "N M"],
    target_variance: Float[Tensor, "M"],
    noise: Float[Tensor, "N"],
    target_noise: Float[Tensor, "M"],
    weights: Float[Tensor, "M"],
) -> Float[Tensor, "N"]:
    """Σ_t w_t I(y; y*_t) with I = -½ ln(1 - c² / ((v + σ²)(v* + σ*²))) = ½ ln(1 + c² / det), det that of (y, y*_t)."""
    means = torch.empty_like(variance)
    own = torch.stack([variance, noise], 1)
    theirs = torch.stack([target_noise, target_variance + target_noise])
    for some in blocks(covariance):
        product = torch.outer(variance[some], target_variance)
        squared = covariance[some].square()
        torch.minimum(squared, product, out=squared)  # Cauchy and Schwarz: more is rounding
        determinant = product.sub_(squared).addmm_(own[some], theirs)  # 0 with a target that is known exactly
        ratio = squared.div_(determinant.clamp_min_(torch.finfo(squared.dtype).tiny))
        means[some] = ratio.log1p_() @ weights
    return means.mul_(0.5)


def mean_reduction(
    variance: Float[Tensor, "N"],
    covariance: Float[Tensor, "N M"],
    noise: Float[Tensor, "N"],
    weights: Float[Tensor, "M"],
) -> Float[Tensor, "N"]:
    """Σ_t w_t c² / (v + σ²): by how much a label lowers the variance at the targets."""
    means = torch.empty_like(variance)
    for some in blocks(covariance):
        means[some] = covariance[some].square() @ weights
    return means / (variance + noise)


def blocks(covariance: Float[Tensor, "N M"]) -> list[slice]:
    """Rows that are looked at together."""
    step = max(1, ELEMENTS // max(1, covariance.shape[1]))
    return [slice(start, start + step) for start in range(0, len(covariance), step)]
