"""Entropy and BALD of predicted amounts by their mean and variance alone: cheaper than quadrature, and upper bounds."""

from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from bayesal.acquisitions.bald import warn_of_one_hypothesis
from bayesal.numerics import entropy as entropies
from bayesal.numerics.classes import sum_events
from bayesal.numerics.door import check_axes


def moment_matched_entropy(predictions: Distribution) -> Float[Tensor, "N ..."]:
    """½ ln(2πe (mean_k σ_k² + var_k μ_k)) in nats, of any sign: the entropy of the Normal with the mixture's moments.

    At least ``entropy``, and equal to it where the hypotheses agree; of all densities of this variance the Normal is
    the widest, so gaps between separate modes are not seen. It ranks points by ``variance(noise=True)``. For
    regression; several outputs (``Independent``) are summed. Raises ValueError for predictions of classes, without the
    axes (N, K), or with NaN.
    """
    _check(predictions, "moment_matched_entropy", "entropy")
    return entropies.moment_matched_entropy(predictions)


def moment_matched_bald(predictions: Distribution) -> Float[Tensor, "N ..."]:
    """½ ln(2πe (mean_k σ_k² + var_k μ_k)) - mean_k ½ ln(2πe σ_k²) in nats, at least 0: what ``bald`` is at most.

    Equal to ½ ln(1 + var_k μ_k / σ²) for the same noise everywhere, which grows without limit where ``bald`` stays
    below ln K. One hypothesis knows nothing it could learn: all 0, with a UserWarning. Else like
    :func:`moment_matched_entropy`.
    """
    _check(predictions, "moment_matched_bald", "bald")
    warn_of_one_hypothesis(predictions, "moment_matched_bald")
    return _information(predictions)


def _information(predictions: Distribution) -> Tensor:
    if isinstance(predictions, Independent):
        return sum_events(predictions, _information(predictions.base_dist))
    matched = entropies.moment_matched_entropy(predictions)
    return (matched - entropies.expected_entropy(predictions)).clamp_min(0)


def _check(predictions: Distribution, name: str, instead: str) -> None:
    label = predictions
    while isinstance(label, Independent):
        label = label.base_dist
    if not isinstance(label, Normal):
        raise ValueError(
            f"{name} is for Normal predictions, but a label is {type(label).__name__}; use {instead}, which does not "
            "need to match moments"
        )
    check_axes(predictions)
