"""BalEntAcq: the balance between what is unknown of the probabilities and what is unknown of the label."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent

from bayesal.numerics.beta import beta_entropy
from bayesal.numerics.classes import has_classes, over_points, sum_events
from bayesal.numerics.door import check_axes
from bayesal.numerics.moments import variance_over_hypotheses

SMALLEST_MEAN = 1e-9
SMALLEST_VARIANCE = 1e-9
SMALLEST_COUNT = 1e-6  # of the Beta's pseudo-observations: hypotheses that are all sure have none


def balentacq(predictions: Distribution, *, correction: int = 1) -> Float[Tensor, "N ..."]:
    """1 / BalEnt where BalEnt ≥ 0, else BalEnt (Woo, ICLR 2023): points in balance first, overconfident ones last.

    BalEnt = (Σ_c p̄_c h(P_c⁺) + H[p̄]) / (H[p̄] + ln 2), below 1, of any sign, without unit. Class c's probability over
    the hypotheses, of mean p̄_c and variance v_c = Σ_k (p_kc - p̄_c)² / (K - ``correction``), is matched by
    Beta(α, β): n = p̄_c (1 - p̄_c) / v_c - 1, α = p̄_c n, β = (1 - p̄_c) n. P_c⁺ = Beta(α + 1, β) is what remains of it
    when the label turns out to be c, and h its differential entropy in nats, at most 0. H[p̄] enters once.

    The score is above 1 or at most 0, and +inf where BalEnt is exactly 0: ask there first. It is computed in float64
    from any precision. Floors of 1e-9 on mean and variance and 1e-6 on n keep it finite where hypotheses are all sure:
    those points come last, disagreeing ones before agreeing ones, since after a label nothing there remains unknown.

    Many labels a point (``Independent``) are summed. 1 / BalEnt grows without limit near balance, so that one label
    decides such a sum; to weigh the labels evenly, reduce the map ``balentacq(predictions.base_dist)`` by ranks or by
    its maximum, or use bald.

    Raises ValueError for fewer than two hypotheses, or no more than ``correction``, since the variance is not defined;
    for predictions without the axes (N, K), with NaN, or not of classes.
    """
    if not has_classes(predictions):
        raise ValueError(
            f"balentacq is for classes, but the predictions are {type(predictions).__name__}; "
            "use bald, variance or epig"
        )
    if isinstance(predictions, Independent):
        return sum_events(predictions, balentacq(predictions.base_dist, correction=correction))
    check_axes(predictions)
    hypotheses = predictions.batch_shape[1]
    if hypotheses < 2 or correction >= hypotheses:
        raise ValueError(
            f"balentacq needs the variance of probabilities over hypotheses, which {hypotheses} of them with a "
            f"correction of {correction} do not have; draw more hypotheses"
        )
    balance = over_points(predictions, lambda logs: _balanced_entropy(logs, correction))
    return torch.where(balance >= 0, balance.abs().reciprocal(), balance)


def _balanced_entropy(logs: Float[Tensor, "n K ... C"], correction: int) -> Float[Tensor, "n ..."]:
    probabilities = logs.to(torch.float64, copy=True).exp_()
    mean = probabilities.mean(dim=1)
    remains = (mean * _entropy_after_the_label(mean, variance_over_hypotheses(probabilities, correction))).sum(dim=-1)
    uncertainty = torch.special.entr(mean).sum(dim=-1)
    return ((remains + uncertainty) / (uncertainty + math.log(2))).to(logs.dtype)


def _entropy_after_the_label(mean: Float[Tensor, "... C"], variance: Float[Tensor, "... C"]) -> Float[Tensor, "... C"]:
    """h(Beta(α + 1, β)) of the Beta with this mean and variance."""
    mean = mean.clamp(SMALLEST_MEAN, 1 - SMALLEST_MEAN)
    count = (mean * (1 - mean) / variance.clamp_min(SMALLEST_VARIANCE) - 1).clamp_min(SMALLEST_COUNT)
    return beta_entropy(mean * count + 1, (1 - mean) * count)
