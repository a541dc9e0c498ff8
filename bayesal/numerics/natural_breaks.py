"""Natural breaks: numbers cut into groups that are as tight as they can be (Fisher, 1958; Jenks, 1967)."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Int, Shaped
from torch import Tensor

EXACT = 2**17  # different values: more are brought together in bins first
BINS = 4096


def natural_breaks(values: Shaped[Tensor, "N ..."], groups: int, *, exact: int = EXACT) -> Int[Tensor, "N"]:
    """Groups 0 (the smallest values) to H - 1 that minimise Σ_h Σ_{n in h} (v_n - mean_h)².

    ``groups``: H. Equal values are never parted, so fewer than H different ones make fewer groups. The minimum is exact
    (dynamic programming, O(H n log n)) for up to ``exact`` different values; more are first brought together in 4096
    bins of about as many values each. Of minima that are equal, the lowest cuts.

    Raises ValueError for fewer than 1 group, for values that are not one number a point, NaN and infinities.
    """
    if groups < 1:
        raise ValueError(f"values are cut into at least 1 group, but {groups} were asked for")
    if values.ndim != 1 or not bool(values.isfinite().all()):
        raise ValueError(f"natural breaks need finite values, one a point, but these have {_seen(values)}")
    numbers = values.detach().cpu().double().numpy()
    different, place, weights = np.unique(numbers, return_inverse=True, return_counts=True)
    bins = np.arange(len(different))
    if len(different) > exact:
        bins = np.minimum((np.cumsum(weights) - weights) * BINS // weights.sum(), BINS - 1)
        bins = np.unique(bins, return_inverse=True)[1]
        sums = np.bincount(bins, different * weights)
        weights = np.bincount(bins, weights)
        different = sums / weights
    starts = _starts(different, weights.astype(float), min(groups, len(different)))
    of_bin = np.searchsorted(starts, np.arange(len(different)), side="right") - 1
    return torch.from_numpy(of_bin[bins[place]]).to(values.device)


def _starts(values: np.ndarray, weights: np.ndarray, groups: int) -> np.ndarray:
    """Where the groups of sorted values start.

    least_h(j) = min_i least_{h-1}(i) + spread(i, j), with spread(i, j) the squared error of values i ... j - 1. The
    best i never falls as j grows, so those of a middle j bound the others': all middles of one depth are found at once.
    """
    if not len(values):
        return np.zeros(0, dtype=int)
    middle = int(np.searchsorted(np.cumsum(weights), weights.sum() / 2))
    centred = values - values[middle]
    mass, first, second = (_outward(weights * centred**power, middle) for power in range(3))

    def spread(i: np.ndarray, j: np.ndarray) -> np.ndarray:
        total = first[j] - first[i]
        return second[j] - second[i] - total * total / (mass[j] - mass[i])

    n = len(values)
    least = np.full(n + 1, np.inf)
    least[1:] = spread(np.zeros(n, dtype=int), np.arange(1, n + 1))
    cuts: list[np.ndarray] = []
    for group in range(1, groups):
        least, cut = _next(least, spread, group)
        cuts.append(cut)
    starts, end = [0] * groups, n
    for group in range(groups - 1, 0, -1):
        starts[group] = end = int(cuts[group - 1][end])
    return np.array(starts)


def _outward(terms: np.ndarray, middle: int) -> np.ndarray:
    """Their sums up to every place, less that up to the middle one: so a value far out is in no sum closer in."""
    return np.concatenate([-np.cumsum(terms[:middle][::-1])[::-1], [0.0], np.cumsum(terms[middle:])])


def _next(
    least: np.ndarray, spread: Callable[[np.ndarray, np.ndarray], np.ndarray], group: int
) -> tuple[np.ndarray, np.ndarray]:
    """least_h and the best last cut for every j > h, from least_{h-1}, with h the ``group``."""
    n = len(least) - 1
    better, cut = np.full(n + 1, np.inf), np.full(n + 1, group)
    # each range of j is low ... high - 1, and the best i of all of them is between first and last
    low, high = np.array([group + 1]), np.array([n + 1])
    first, last = np.array([group]), np.array([n - 1])
    while len(low):
        middle = (low + high) // 2
        reach = np.minimum(last, middle - 1)
        sizes = reach - first + 1
        offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        i = np.arange(sizes.sum()) + np.repeat(first - offsets, sizes)
        costs = least[i] + spread(i, np.repeat(middle, sizes))
        lowest = np.minimum.reduceat(costs, offsets)
        hit = np.where(costs == np.repeat(lowest, sizes), i, n)
        best = np.minimum.reduceat(hit, offsets)
        better[middle], cut[middle] = lowest, best
        low, high = np.concatenate([low, middle + 1]), np.concatenate([middle, high])
        first, last = np.concatenate([first, best]), np.concatenate([best, last])
        some = low < high
        low, high, first, last = low[some], high[some], first[some], last[some]
    return better, cut


def _seen(values: Tensor) -> str:
    return f"the shape {tuple(values.shape)}" if values.ndim != 1 else "NaN or infinity among them"
