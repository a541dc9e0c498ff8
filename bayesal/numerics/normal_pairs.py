"""What Normal labels of points and of targets tell about each other, by matching two moments, in nats.

y and y* are taken for jointly Normal with the covariances that the mixture of hypotheses has: V = mean_k σ_k² +
var_k μ_k of y, and C = cov_k(μ_k, μ*_k) of y and y* (population covariances). All in float64.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from bayesal.numerics.door import check_finite
from bayesal.numerics.gaussian import mean_information

ELEMENTS = 2**19  # numbers in one block: 4 MiB


def normal_information(
    predictions: Distribution, targets: Distribution, weights: Float[Tensor, "T"]
) -> Float[Tensor, "N"]:
    """Σ_t weights[t] I(y_n; y*_t), at least 0, of predictions (N, K) and (T, K) of Normals or Independent Normals.

    I = -½ ln(1 - C² / V V*) of numbers, and -½ ln det(1 - M Mᵀ) with M = V^-½ C V*^-½ of vectors of outputs, where V,
    C and V* have the covariances between outputs too. Added memory is one block, and the targets in float64.

    Raises ValueError for NaN and for a scale that is not above 0, naming the point.
    """
    mean, scale = normal_parameters(predictions)
    target_mean, target_scale = normal_parameters(targets, "target point")
    points, hypotheses, outputs = mean.shape
    told = _of_numbers if outputs == target_mean.shape[2] == 1 else _of_vectors
    target = (_deviations(target_mean), target_scale.double().square().mean(1))
    scores = torch.zeros(points, dtype=torch.float64, device=mean.device)
    weights = weights.to(scores)
    size = max(1, ELEMENTS // (outputs * (hypotheses + outputs + target_mean.shape[2] * len(weights))))
    for start in range(0, points, size):
        some = slice(start, start + size)
        scores[some] = told(_deviations(mean[some]), scale[some].double().square().mean(1), *target, weights)
    dtype = torch.promote_types(torch.promote_types(mean.dtype, target_mean.dtype), torch.float32)
    return check_finite(scores).clamp_min_(0).to(dtype)


def has_numbers(predictions: Distribution) -> bool:
    """Whether these are Normals, or Independent Normals."""
    while isinstance(predictions, Independent):
        predictions = predictions.base_dist
    return isinstance(predictions, Normal)


def normal_parameters(
    predictions: Distribution, name: str = "point"
) -> tuple[Float[Tensor, "N K D"], Float[Tensor, "N K D"]]:
    """Mean and scale of each of D outputs (1 if labels are numbers), without gradient.

    Raises ValueError for NaN and for a scale that is not above 0.
    """
    shape = (*predictions.batch_shape, predictions.event_shape.numel())
    while isinstance(predictions, Independent):
        predictions = predictions.base_dist
    assert isinstance(predictions, Normal)
    mean, scale = (x.detach().reshape(shape) for x in (predictions.loc, predictions.scale))
    check_finite((mean.double().sum(2) + scale.double().sum(2)).sum(1), name)
    if not bool((scale > 0).all()):
        point = int((~(scale > 0)).nonzero()[0, 0])
        raise ValueError(
            f"the scale of a Normal must be positive, but {name} {point} has {float(scale[point].min())}; "
            "check the model's noise, or give it a floor"
        )
    return mean, scale


def _deviations(mean: Float[Tensor, "n K D"]) -> Float[Tensor, "n D K"]:
    """From the mean over hypotheses, by √K: products over K are population covariances."""
    mean = mean.double().transpose(1, 2)
    return (mean - mean.mean(2, keepdim=True)) / mean.shape[2] ** 0.5


def _of_numbers(
    deviations: Float[Tensor, "n 1 K"],
    noise: Float[Tensor, "n 1"],
    target_deviations: Float[Tensor, "T 1 K"],
    target_noise: Float[Tensor, "T 1"],
    weights: Float[Tensor, "T"],
) -> Float[Tensor, "n"]:
    some, others = deviations.squeeze(1), target_deviations.squeeze(1)
    variances = (some.square().sum(1), some @ others.T, others.square().sum(1))
    return mean_information(*variances, noise.squeeze(1), target_noise.squeeze(1), weights)


def _of_vectors(
    deviations: Float[Tensor, "n D K"],
    noise: Float[Tensor, "n D"],
    target_deviations: Float[Tensor, "T E K"],
    target_noise: Float[Tensor, "T E"],
    weights: Float[Tensor, "T"],
) -> Float[Tensor, "n"]:
    whitened, others = _whitened(deviations, noise), _whitened(target_deviations, target_noise)
    correlations = torch.einsum("ndk,tek->ntde", whitened, others)
    identity = torch.eye(correlations.shape[2]).to(correlations)
    left = _cholesky(identity - correlations @ correlations.mT)
    return -left.diagonal(dim1=2, dim2=3).log().sum(2) @ weights


def _whitened(deviations: Float[Tensor, "n D K"], noise: Float[Tensor, "n D"]) -> Float[Tensor, "n D K"]:
    """V^-½ times the deviations, V^½ the Cholesky factor of the labels' covariance."""
    covariance = deviations @ deviations.mT + torch.diag_embed(noise)
    return torch.linalg.solve_triangular(_cholesky(covariance), deviations, upper=False)


def _cholesky(matrices: Float[Tensor, "... D D"]) -> Float[Tensor, "... D D"]:
    factors, failed = torch.linalg.cholesky_ex(matrices)
    if bool(failed.any()):
        raise ValueError(
            "the noise of some outputs is so small beside the spread of the hypotheses that float64 cannot tell their "
            "covariance from a singular one; give the noise a floor"
        )
    return factors
