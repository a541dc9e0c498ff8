"""The log-likelihood of a label nobody knows yet, as each hypothesis would have it; for every task, in nats.

The label y of a point follows the mean of the hypotheses' predictions, p̄(y). ``Independent`` sums over its event
dimensions, as if its labels were independent under p̄: exact for expectations, and for the rest the convention of
:mod:`bayesal.numerics.entropy`. A new kind of prediction joins by registering its type with both functions.
"""

import math
from collections.abc import Callable
from functools import singledispatch

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal

from bayesal.numerics.classes import chunks, log_probabilities, sum_events
from bayesal.numerics.door import check_axes, check_finite

LARGEST = 1e15  # of an expected log-likelihood: beyond, a hypothesis rules out what others think possible


@singledispatch
def expected_log_likelihood(predictions: Distribution, marginal: Distribution) -> Shaped[Tensor, "N K ..."]:
    """E_{y ~ p̄} ln p(y | x, θ_k): ``N K *rest``. ``marginal``: predictions (N, K2, ...) whose mean over K2 is p̄.

    Raises ValueError for predictions without the axes (N, K), of another kind or number than the marginal's, with NaN,
    or of a type that is not known; and where a hypothesis gives probability 0 to a label that p̄ thinks possible.
    """
    raise ValueError(_unknown(predictions))


@singledispatch
def signature_variance(predictions: Distribution) -> Shaped[Tensor, "N ..."]:
    """(1/K) Σ_k Var_{y ~ p̄}(l_k - l̄), l_k = ln p(y | x, θ_k): how far the K values, less their mean, lie around their
    expectation once the label is known. ``N *rest``; raises ValueError as :func:`expected_log_likelihood` does."""
    raise ValueError(_unknown(predictions))


@expected_log_likelihood.register(Independent)
def _(predictions: Independent, marginal: Distribution) -> Tensor:
    if not isinstance(marginal, Independent):
        raise ValueError(_unlike(predictions, marginal))
    return sum_events(predictions, expected_log_likelihood(predictions.base_dist, marginal.base_dist))


@signature_variance.register(Independent)
def _(predictions: Independent) -> Tensor:
    return sum_events(predictions, signature_variance(predictions.base_dist))


@expected_log_likelihood.register(Categorical)
@expected_log_likelihood.register(Bernoulli)
def _(predictions: Categorical | Bernoulli, marginal: Distribution) -> Tensor:
    if type(marginal) is not type(predictions) or marginal.batch_shape[:1] != predictions.batch_shape[:1]:
        raise ValueError(_unlike(predictions, marginal))

    def expected(chunk: slice) -> Tensor:
        mean = log_probabilities(marginal, chunk).exp().mean(1, keepdim=True)
        return _bounded((mean * log_probabilities(predictions, chunk)).sum(-1), chunk.start)

    return _by_chunks(predictions, expected)


@signature_variance.register(Categorical)
@signature_variance.register(Bernoulli)
def _(predictions: Categorical | Bernoulli) -> Tensor:
    def variance(chunk: slice) -> Tensor:
        logs = log_probabilities(predictions, chunk)
        mean = logs.exp().mean(1, keepdim=True)
        _bounded((mean * logs).sum(-1), chunk.start)
        apart = logs - logs.mean(1, keepdim=True)
        apart -= (mean * apart).sum(-1, keepdim=True)
        return (mean[:, 0] * apart.square_().mean(1)).sum(-1)

    return _by_chunks(predictions, variance)


@expected_log_likelihood.register(Normal)
def _(predictions: Normal, marginal: Distribution) -> Tensor:
    if not isinstance(marginal, Normal) or marginal.batch_shape[:1] != predictions.batch_shape[:1]:
        raise ValueError(_unlike(predictions, marginal))
    mean, apart, scale = _parts(marginal)
    spread = (apart.square() + scale.square()).mean(1, keepdim=True)
    scale = _wide(predictions.scale)
    off = (_wide(predictions.loc) - mean).square() + spread
    return check_finite(-0.5 * math.log(2 * math.pi) - scale.log() - 0.5 * off / scale.square())


@signature_variance.register(Normal)
def _(predictions: Normal) -> Tensor:
    """With u = y - E y: ln p(y | x, θ_k) = a_k u² + b_k u + const, whose variance needs the moments of a mixture."""
    _, apart, scale = _parts(predictions)
    square, linear = -0.5 / scale.square(), apart / scale.square()
    square, linear = square - square.mean(1, keepdim=True), linear - linear.mean(1, keepdim=True)
    variance = scale.square()
    second = (apart.square() + variance).mean(1)
    third = (apart.pow(3) + 3 * apart * variance).mean(1)
    fourth = (apart.pow(4) + 6 * apart.square() * variance + 3 * variance.square()).mean(1)
    of_squares = square.square().mean(1) * (fourth - second.square())
    of_both = 2 * (square * linear).mean(1) * third
    return check_finite((of_squares + of_both + linear.square().mean(1) * second).clamp_min(0))


def _parts(predictions: Normal) -> tuple[Tensor, Tensor, Tensor]:
    """The mean over hypotheses, what they deviate from it, and their standard deviations, in float64."""
    check_axes(predictions)
    loc = _wide(predictions.loc)
    mean = loc.mean(1, keepdim=True)
    return mean, loc - mean, _wide(predictions.scale)


def _wide(values: Tensor) -> Tensor:
    return values.detach().double()


def _by_chunks(predictions: Distribution, score: Callable[[slice], Tensor]) -> Tensor:
    check_axes(predictions)
    per_point = predictions.batch_shape[1:].numel() * (
        predictions.param_shape[-1] if isinstance(predictions, Categorical) else 2
    )
    return torch.cat([score(chunk) for chunk in chunks(predictions.batch_shape[0], per_point)])


def _bounded(values: Float[Tensor, "n ..."], first: int) -> Float[Tensor, "n ..."]:
    values = check_finite(values, first=first)
    large = values.abs() > LARGEST
    if bool(large.any()):
        point = first + int(large.nonzero()[0, 0])
        raise ValueError(
            f"a hypothesis gives probability 0 to a label of point {point} that others think possible, so "
            "its log-likelihood is infinite; let the model predict logits, or mix in some of every label"
        )
    return values


def _unlike(predictions: Distribution, marginal: Distribution) -> str:
    return (
        f"the label's distribution must be of the same kind and number of points as the predictions, "
        f"{type(predictions).__name__} of batch shape {tuple(predictions.batch_shape)}, but it is "
        f"{type(marginal).__name__} of batch shape {tuple(marginal.batch_shape)}"
    )


def _unknown(predictions: Distribution) -> str:
    return (
        f"the expected log-likelihood of {type(predictions).__name__} is not known; expected Categorical, Bernoulli, "
        "Normal, or Independent of these, or register your type"
    )
