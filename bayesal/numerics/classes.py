"""Log-probabilities of classes, a few points at a time: what every score of discrete predictions streams over."""

from collections.abc import Callable, Iterator
from functools import singledispatch

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent
from torch.nn.functional import logsigmoid

from bayesal.numerics.door import check_axes, check_finite

ELEMENTS_PER_CHUNK = 2**19  # 2 MiB of float32: still in the cache for the next pass, and few enough chunks for threads


def over_points(predictions: Distribution, score: Callable[[Tensor], Tensor]) -> Shaped[Tensor, "N ..."]:
    """``score`` of the log-probabilities ``n K *rest C``, chunk by chunk, into one preallocated tensor.

    Added memory is one chunk plus the result. ``Independent`` is the sum over its event dimensions. Half precision is
    computed in float32. Scores carry no gradient.

    Raises ValueError for predictions that are not of classes, lack the axes (N, K), or hold NaN.
    """
    if isinstance(predictions, Independent):
        return sum_events(predictions, over_points(predictions.base_dist, score))
    check_axes(predictions)
    points, *rest = predictions.batch_shape
    per_point = torch.Size(rest).numel() * (predictions.param_shape[-1] if isinstance(predictions, Categorical) else 2)
    rows: Tensor | None = None
    for chunk in chunks(points, per_point):
        seen = score(log_probabilities(predictions, chunk))
        if rows is None:
            rows = seen.new_empty((points, *seen.shape[1:]))
        rows[chunk] = seen
    assert rows is not None  # an empty pool is one empty chunk
    return check_finite(rows)


def chunks(points: int, elements_per_point: int) -> Iterator[slice]:
    """Neighbouring points that fit the cache together, at least one at a time; no points are one empty chunk."""
    size = max(1, ELEMENTS_PER_CHUNK // max(1, elements_per_point))
    for start in range(0, max(points, 1), size):
        yield slice(start, min(start + size, points))


def sum_events(predictions: Independent, values: Shaped[Tensor, "..."]) -> Shaped[Tensor, "..."]:
    """What was computed for each label of an ``Independent`` base, summed over the labels of one event."""
    events = predictions.reinterpreted_batch_ndims
    return values.sum(dim=tuple(range(-events, 0))) if events else values


@singledispatch
def log_probabilities(predictions: Distribution, points: slice) -> Float[Tensor, "n K ... C"]:
    """Log-probabilities of these points' classes, at least float32 and without gradient.

    Those given in half precision are normalised again, because their rounding alone moves the sum of probabilities.
    ln 0 is the most negative number instead of -inf: it still has exp = 0, and 0 · ln 0 is then 0 and not NaN.
    """
    raise ValueError(
        f"class probabilities were asked for, but the predictions are {type(predictions).__name__}; "
        "expected Categorical, Bernoulli, or Independent of these"
    )


def has_classes(predictions: Distribution) -> bool:
    """Whether :func:`log_probabilities` knows these predictions, or what ``Independent`` holds."""
    while isinstance(predictions, Independent):
        predictions = predictions.base_dist
    return log_probabilities.dispatch(type(predictions)) is not log_probabilities.dispatch(object)


@log_probabilities.register(Categorical)
def _(predictions: Categorical, points: slice) -> Tensor:
    # What a Categorical was made from is exact; torch derives the logits of probabilities with zeros rounded up.
    given = predictions.probs if "probs" in vars(predictions) else predictions.logits
    logs = _wide(given[points])
    if "probs" in vars(predictions):
        logs = logs.log()
    if given.element_size() < 4:
        logs = logs.log_softmax(-1)  # half precision moved the sum of the probabilities by up to a percent
    return _without_infinities(logs)


@log_probabilities.register(Bernoulli)
def _(predictions: Bernoulli, points: slice) -> Tensor:
    if "probs" in vars(predictions):
        yes = _wide(predictions.probs[points])
        return _without_infinities(torch.stack([torch.log1p(-yes), yes.log()], dim=-1))
    logits = _wide(predictions.logits[points])
    return _without_infinities(torch.stack([logsigmoid(-logits), logsigmoid(logits)], dim=-1))


def _wide(values: Tensor) -> Tensor:
    return values.detach().to(torch.promote_types(values.dtype, torch.float32))


def _without_infinities(log_probabilities: Tensor) -> Tensor:
    return log_probabilities.clamp_min(torch.finfo(log_probabilities.dtype).min)
