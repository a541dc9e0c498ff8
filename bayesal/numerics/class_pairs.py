"""What the class labels of points and of targets tell about each other, many pairs at once, in nats.

For labels y and y* predicted by the same K hypotheses,

    r(y, y*) = p(y, y*) / p(y) p(y*) = K Σ_k p(w_k | y) p(w_k | y*),        I(y; y*) = Σ p(y) p(y*) r ln r.

One matrix product over K gives r for a tile of labels × labels. Unlike in H[y] + H[y*] - H[y, y*] nothing large
cancels: where labels tell little, r is close to 1 and ln r to 0, and float32 products are exact to 1e-7 nats. Products
and logarithms are taken in the predictions' precision, at least float32; what at most ``COLUMNS`` labels of targets add
up to is then summed in float64.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent

from bayesal.numerics.classes import log_probabilities
from bayesal.numerics.door import check_finite

ROWS, COLUMNS = 2048, 1024  # of a tile: enough work for every thread of a product, and two tiles fit the cache
PREPARED = 2**20  # posteriors of points made together
RETAINED = 2**22  # posteriors of targets kept while all points pass by: 16 MiB


def class_information(
    predictions: Distribution, targets: Distribution, weights: Float[Tensor, "T"]
) -> Float[Tensor, "N"]:
    """Σ_t weights[t] I(y_n; y*_t), at least 0, of predictions (N, K) and (T, K) of Categorical or Bernoulli.

    The labels of an ``Independent`` are summed, on both sides. Time is O(N T K C C*); added memory is two tiles and
    one block of posteriors of each side, however many points there are. Raises ValueError for NaN, naming the point.
    """
    nothing = _logs(predictions, slice(0))
    dtype = torch.promote_types(nothing.dtype, _logs(targets, slice(0)).dtype)
    points, hypotheses = predictions.batch_shape
    scores = torch.zeros(points, dtype=torch.float64, device=nothing.device)
    weights = weights.to(scores)
    for some_targets in _blocks(targets, RETAINED):
        columns, marginals = _posteriors(targets, some_targets, dtype)
        check_finite(marginals.sum(1), "target point", some_targets.start)
        shares = (marginals * weights[some_targets, None]).flatten().to(dtype)
        columns *= hypotheses
        for some in _blocks(predictions, PREPARED):
            rows, marginals = _posteriors(predictions, some, dtype)
            scores[some] += (marginals * _sum_r_log_r(rows, columns, shares).view(marginals.shape)).sum(1)
    return check_finite(scores).clamp_min_(0).to(dtype)


def _sum_r_log_r(
    rows: Float[Tensor, "R K"], columns: Float[Tensor, "S K"], shares: Float[Tensor, "S"]
) -> Float[Tensor, "R"]:
    """Σ_s shares[s] r ln r with r = Σ_k rows[r, k] columns[s, k]; r = 0 adds nothing."""
    sums = rows.new_zeros(len(rows), dtype=torch.float64)
    high, wide = -(-len(rows) // ROWS), -(-len(columns) // COLUMNS)
    memory = rows.new_empty(2, -(-len(rows) // high) * -(-len(columns) // wide))
    for some_columns, some_shares in zip(columns.tensor_split(wide), shares.tensor_split(wide), strict=True):
        for some_rows, some_sums in zip(rows.tensor_split(high), sums.tensor_split(high), strict=True):
            shape = (len(some_rows), len(some_columns))
            ratios, logs = (tile[: shape[0] * shape[1]].view(shape) for tile in memory)
            torch.mm(some_rows, some_columns.T, out=ratios)
            torch.log(ratios.clamp_min_(torch.finfo(ratios.dtype).tiny), out=logs)
            # A matrix-vector product could weigh and sum, but MKL would change its team of threads for it each time.
            some_sums += logs.mul_(ratios).mul_(some_shares).sum(1)
    return sums


def _posteriors(
    predictions: Distribution, points: slice, dtype: torch.dtype
) -> tuple[Float[Tensor, "R K"], Float[Tensor, "n J"]]:
    """p(w_k | y), a row for every class of every label of these points, and p(y) of these J in float64."""
    probabilities = _logs(predictions, points).to(dtype).exp_().movedim(1, -1).flatten(1, -2).contiguous()
    evidence = probabilities.sum(2)
    posteriors = probabilities.div_(evidence.clamp_min(torch.finfo(dtype).tiny).unsqueeze(2))
    return posteriors.flatten(0, 1), evidence.double() / probabilities.shape[2]


def _blocks(predictions: Distribution, elements: int) -> Iterator[slice]:
    """Neighbouring points with about this many probabilities together, at least one point at a time."""
    size = max(1, elements // max(1, _logs(predictions, slice(0)).shape[1:].numel()))
    for start in range(0, predictions.batch_shape[0], size):
        yield slice(start, start + size)


def _logs(predictions: Distribution, points: slice) -> Float[Tensor, "n K ... C"]:
    while isinstance(predictions, Independent):
        predictions = predictions.base_dist
    return log_probabilities(predictions, points)
