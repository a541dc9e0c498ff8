"""Scores of one point alone: how uncertain is its label? All take predictions of batch_shape (N, K), larger is more.

p̄ is the mean of the K hypotheses' class probabilities. Many labels a point (multi-label, dense: ``Independent``) are
summed; ``predictions.base_dist`` gives the map per label. All raise ValueError for predictions without the axes (N, K),
with NaN, or of a task for which the score has no meaning.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from bayesal.acquisitions.bald import warn_of_one_hypothesis
from bayesal.numerics import entropy as entropies
from bayesal.numerics.classes import has_classes, over_points
from bayesal.numerics.door import check_axes, check_finite
from bayesal.numerics.moments import variance_over_hypotheses


def entropy(predictions: Distribution) -> Float[Tensor, "N ..."]:
    """H[y | x] = H[p̄] in nats (Shannon, 1948; Settles, 2009): for classes from 0 to ln C.

    Any task. Of Normals it is a differential entropy, by quadrature, and may be negative.
    """
    return entropies.mixture_entropy(predictions)


def expected_entropy(predictions: Distribution) -> Float[Tensor, "N ..."]:
    """mean_k H[p_k] in nats, from 0 to ln C: noise that no label removes (aleatoric). entropy = this + bald.

    Any task. On its own it asks for the noisiest points; use it to explain scores rather than to choose.
    """
    return entropies.expected_entropy(predictions)


def least_confidence(predictions: Distribution) -> Float[Tensor, "N ..."]:
    """1 - max_c p̄_c, from 0 to 1 - 1/C (Lewis and Gale, 1994). Gal et al. (2017) call it the variation ratio."""
    return _of_classes("least_confidence", predictions, _least_confidence)


def margin(predictions: Distribution) -> Float[Tensor, "N ..."]:
    """1 - (p̄_(1) - p̄_(2)), the two likeliest classes, from 0 to 1 (Scheffer et al., 2001)."""
    return _of_classes("margin", predictions, _margin)


def variation_ratio(predictions: Distribution) -> Float[Tensor, "N ..."]:
    """1 - (votes for the winning class) / K, each hypothesis voting argmax_c p_kc; from 0 to 1 - 1/min(C, K).

    Freeman (1965). A hypothesis with equal classes votes for the first. The soft version is ``least_confidence``.
    """
    return _of_classes("variation_ratio", predictions, _variation_ratio)


def mean_std(predictions: Distribution, *, correction: int = 0) -> Float[Tensor, "N ..."]:
    """mean_c std_k p_kc, from 0 to ½ (Kampffmeyer et al., 2016; Gal et al., 2017).

    ``correction=1`` divides by K - 1 instead of K, as the BatchBALD and BalEntAcq authors do: the same ranking. One
    hypothesis has no spread: all 0, with a UserWarning.
    """
    scores = _of_classes("mean_std", predictions, lambda logs: _mean_std(logs, correction))
    warn_of_one_hypothesis(predictions, "mean_std")
    return scores


def variance(predictions: Distribution, *, noise: bool = False) -> Float[Tensor, "N ..."]:
    """var_k μ_k, how far the hypotheses' means are apart, in the label's unit squared (MacKay, 1992; ALM).

    For regression; several outputs are summed. With ``noise=True`` the total variance mean_k σ_k² + var_k μ_k, which
    also asks for points that are merely noisy. Population variance: K → 2K equal copies change nothing.
    """
    check_axes(predictions)
    if predictions.support.is_discrete:  # pyright: ignore[reportOptionalMemberAccess]
        raise ValueError(
            f"variance is for regression, but the predictions are {type(predictions).__name__} over classes; "
            "use mean_std, entropy or bald"
        )
    spread = variance_over_hypotheses(predictions.mean)
    if noise:
        spread = spread + predictions.variance.mean(dim=1)
    events = len(predictions.event_shape)
    return check_finite((spread.sum(dim=tuple(range(-events, 0))) if events else spread).detach())


def _of_classes(name: str, predictions: Distribution, score: Callable[[Tensor], Tensor]) -> Tensor:
    if not has_classes(predictions):
        raise ValueError(
            f"{name} is for classes, but the predictions are {type(predictions).__name__}; "
            "use entropy, bald or variance"
        )
    return over_points(predictions, score)


def _least_confidence(logs: Float[Tensor, "n K ... C"]) -> Float[Tensor, "n ..."]:
    return (1 - logs.exp().mean(dim=1).amax(dim=-1)).clamp_min(0)


def _margin(logs: Float[Tensor, "n K ... C"]) -> Float[Tensor, "n ..."]:
    mean = logs.exp().mean(dim=1)
    if mean.shape[-1] == 1:
        return _least_confidence(logs)  # a class without a rival: 0
    first, second = mean.topk(2, dim=-1).values.unbind(-1)
    return (1 - (first - second)).clamp(0, 1)


def _variation_ratio(logs: Float[Tensor, "n K ... C"]) -> Float[Tensor, "n ..."]:
    likeliest, votes = logs.max(dim=-1)
    classes = torch.arange(logs.shape[-1], device=logs.device)
    ballots = (votes.unsqueeze(-1) == classes).sum(dim=1)
    ratio = 1 - ballots.amax(dim=-1).to(logs.dtype) / logs.shape[1]
    return ratio.where(~likeliest.isnan().any(dim=1), torch.nan)  # NaN casts no vote, but must be heard


def _mean_std(logs: Float[Tensor, "n K ... C"], correction: int) -> Float[Tensor, "n ..."]:
    hypotheses = logs.shape[1]
    if hypotheses == 1:
        correction = 0  # one hypothesis has no spread, whatever it is divided by
    if correction >= hypotheses:
        raise ValueError(f"a correction of {correction} needs more than {hypotheses} hypotheses; draw more of them")
    return variance_over_hypotheses(logs.exp(), correction).sqrt().mean(dim=-1)
