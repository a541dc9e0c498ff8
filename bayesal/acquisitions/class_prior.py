"""Target weights where only the classes' shares among the targets are known."""

from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent

from bayesal.numerics.classes import has_classes, over_points


def class_prior_weights(target_predictions: Distribution, class_prior: Tensor) -> Float[Tensor, "T"]:
    """w(x*) ∝ Σ_c π_c p̄_c(x*) / mean_x* p̄_c(x*), scaled to mean 1 (Bickford Smith et al., 2023).

    Weighs points, usually those of the pool, so that as targets of ``epig`` they stand for inputs whose classes have
    the shares π = ``class_prior``, C numbers that sum to 1. p̄ is the mean prediction of the K hypotheses.

    Raises ValueError for predictions that are not of one class a point, for no points, for a prior that is not C
    numbers of at least 0 with the sum 1, and for a class of the prior to which no point gives any probability.
    """
    if isinstance(target_predictions, Independent) or not has_classes(target_predictions):
        raise ValueError(
            f"a class prior is for points of one class, but the predictions are {type(target_predictions).__name__}"
        )
    mean = over_points(target_predictions, lambda logs: logs.exp().mean(dim=1))
    dtype, mean = mean.dtype, mean.double()
    if mean.ndim != 2 or len(mean) == 0:
        raise ValueError(f"a class prior weighs T points of C classes, but the predictions have {tuple(mean.shape)}")
    prior = class_prior.detach().to(mean)
    if prior.shape != mean.shape[1:]:
        raise ValueError(f"expected a prior of {mean.shape[1]} classes, but got shape {tuple(prior.shape)}")
    if not bool((prior >= 0).all()) or not abs(float(prior.sum()) - 1) <= 1e-4:
        raise ValueError(
            f"the classes' prior must be numbers of at least 0 that sum to 1, but the lowest is "
            f"{float(prior.min()):.3g} and the sum {float(prior.sum()):.6g}"
        )
    mass = mean.mean(dim=0)
    wanted = prior > 0
    if bool((mass[wanted] == 0).any()):
        lost = int((wanted & (mass == 0)).nonzero()[0])
        raise ValueError(
            f"class {lost} has the prior {float(prior[lost]):.3g}, but no point gives it any probability, so no "
            "weights can stand for it; add points of that class, or set its prior to 0"
        )
    weights = mean[:, wanted] @ (prior[wanted] / mass[wanted])
    return (weights / weights.mean()).to(dtype)
