"""Entropies and information of predictions, for every task, in nats.

Predictions have batch_shape ``(N, K, *rest)``: N points, K equally weighted hypotheses. A new kind of prediction joins
by registering its type: ``mixture_entropy.register(MyDistribution)``.

``Independent`` (many labels a point: multi-label, many outputs, pixels) sums over its event dimensions. For one
hypothesis that is exact, because labels are independent given a hypothesis. For the mixture it is the sum of the
labels' marginal entropies, an upper bound of the entropy of all labels together: the convention of this library. For
values per label or pixel, pass ``predictions.base_dist``.
"""

import math
from functools import singledispatch

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal

from bayesal.numerics.classes import over_points, sum_events
from bayesal.numerics.door import check_axes, check_finite
from bayesal.numerics.moments import variance_over_hypotheses
from bayesal.numerics.quadrature import normal_mixture_entropy


@singledispatch
def entropy(predictions: Distribution) -> Shaped[Tensor, "N K ..."]:
    """H[y | x, θ_k] = -E ln p(y | x, θ_k) of each hypothesis: ``N K *rest``.

    Discrete: from 0 to ln C. Normal: ½ ln(2πe σ²), of any sign. Raises ValueError for predictions without the axes
    (N, K), with NaN, or of a type whose entropy torch does not know.
    """
    check_axes(predictions)
    try:
        return check_finite(predictions.entropy().detach())
    except NotImplementedError:
        raise ValueError(_unknown(predictions, "entropy")) from None


@entropy.register(Independent)
def _(predictions: Independent) -> Tensor:
    return sum_events(predictions, entropy(predictions.base_dist))


@entropy.register(Categorical)
@entropy.register(Bernoulli)
def _(predictions: Categorical | Bernoulli) -> Tensor:
    return over_points(predictions, lambda logs: _shannon(logs.exp(), logs).clamp_min(0))


@entropy.register(Normal)
def _(predictions: Normal) -> Tensor:
    check_axes(predictions)
    check_finite(predictions.loc)  # the entropy would not show it
    return check_finite(predictions.entropy().detach())


@singledispatch
def mixture_entropy(predictions: Distribution) -> Shaped[Tensor, "N ..."]:
    """H[y | x] = -E ln mean_k p(y | x, θ_k), the entropy of the equally weighted mixture: ``N *rest``.

    Discrete: exact, from 0 to ln C. Normal: by quadrature to 1e-6 (:mod:`bayesal.numerics.quadrature`); for an upper
    bound that costs next to nothing see :func:`moment_matched_entropy`. Raises ValueError like :func:`entropy`.
    """
    raise ValueError(_unknown(predictions, "mixture_entropy"))


@mixture_entropy.register(Independent)
def _(predictions: Independent) -> Tensor:
    return sum_events(predictions, mixture_entropy(predictions.base_dist))


@mixture_entropy.register(Categorical)
@mixture_entropy.register(Bernoulli)
def _(predictions: Categorical | Bernoulli) -> Tensor:
    return over_points(predictions, lambda logs: _mixture(logs.exp()).to(logs.dtype))


@mixture_entropy.register(Normal)
def _(predictions: Normal) -> Tensor:
    check_axes(predictions)
    return normal_mixture_entropy(predictions.loc, predictions.scale)


@singledispatch
def expected_entropy(predictions: Distribution) -> Shaped[Tensor, "N ..."]:
    """mean_k H[y | x, θ_k], what no label can take away: ``N *rest``. Raises ValueError like :func:`entropy`."""
    return entropy(predictions).mean(dim=1)


@expected_entropy.register(Independent)
def _(predictions: Independent) -> Tensor:
    return sum_events(predictions, expected_entropy(predictions.base_dist))


@singledispatch
def information(predictions: Distribution) -> Shaped[Tensor, "N ..."]:
    """I[y; θ | x] = H[y | x] - mean_k H[y | x, θ_k], at least 0: ``N *rest``. Raises ValueError like :func:`entropy`.

    Never more than ln K, nor, for classes, than ln C. Discrete values are differences taken in float64 of entropies
    summed in the predictions' own precision: float32 agrees with float64 to 1e-6.
    """
    return (mixture_entropy(predictions) - expected_entropy(predictions)).clamp_min(0)


@information.register(Independent)
def _(predictions: Independent) -> Tensor:
    return sum_events(predictions, information(predictions.base_dist))


@information.register(Categorical)
@information.register(Bernoulli)
def _(predictions: Categorical | Bernoulli) -> Tensor:
    return over_points(predictions, _information)


def moment_matched_entropy(predictions: Distribution) -> Shaped[Tensor, "N ..."]:
    """½ ln(2πe (mean_k σ_k² + var_k μ_k)): the entropy of the Normal with the mixture's mean and variance, ``N *rest``.

    An upper bound of :func:`mixture_entropy`, exact where the hypotheses agree; it misses that separate modes leave
    gaps. For Normal and Independent Normal; else ValueError.
    """
    if isinstance(predictions, Independent):
        return sum_events(predictions, moment_matched_entropy(predictions.base_dist))
    if not isinstance(predictions, Normal):
        raise ValueError(_unknown(predictions, "moment_matched_entropy"))
    check_axes(predictions)
    variance = predictions.scale.square().mean(dim=1) + variance_over_hypotheses(predictions.loc)
    return check_finite((0.5 * torch.log(2 * math.pi * math.e * variance)).detach())


def _information(logs: Float[Tensor, "n K ... C"]) -> Float[Tensor, "n ..."]:
    """One exp, one product and two sums of each element: BALD is bound by memory, not by arithmetic."""
    probabilities = logs.exp()
    mixture = _mixture(probabilities)
    expected = -probabilities.mul_(logs).sum(dim=(1, -1)).double() / logs.shape[1]
    return (mixture - expected).clamp_min(0).to(logs.dtype)


def _mixture(probabilities: Float[Tensor, "n K ... C"]) -> Float[Tensor, "n ..."]:
    mean = probabilities.mean(dim=1).double()
    return _shannon(mean, mean.clamp_min(torch.finfo(mean.dtype).tiny).log()).clamp_min(0)


def _shannon(probabilities: Float[Tensor, "... C"], logs: Float[Tensor, "... C"]) -> Float[Tensor, "..."]:
    return -(probabilities * logs).sum(dim=-1)


def _unknown(predictions: Distribution, quantity: str) -> str:
    return (
        f"{quantity} of {type(predictions).__name__} predictions is not known; expected Categorical, Bernoulli, Normal "
        "or Independent of these" + ("" if quantity.startswith("moment") else f", or register it: {quantity}.register")
    )
