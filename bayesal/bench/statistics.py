"""Whether a method beat the baseline: differences paired by seed, with intervals and an honest count of the tests."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import stats

from bayesal.bench.curves import Band, Curve, Metric, at_every_size, learning_curves, mean_over_budget


class Interval(NamedTuple):
    """A mean, its confidence interval and the two-sided p-value of "it is zero"; None where one seed gives none."""

    mean: float
    low: float | None
    high: float | None
    p_value: float | None


@dataclass(frozen=True, eq=False)
class Comparison:
    """A method against the baseline, seed by seed: each seed's mean over the budget, and their differences.

    ``start`` and ``end`` bound the labels compared. ``left_out`` are the seeds one of the two did not finish.
    ``adjusted_p`` is the p-value after Holm's correction for all methods compared in the same run.
    """

    method: str
    baseline: str
    metric: Metric
    seeds: list[int]
    left_out: list[int]
    start: float
    end: float
    values: Float[np.ndarray, "S"]
    baseline_values: Float[np.ndarray, "S"]
    interval: Interval
    """Of ``values - baseline_values``, in the metric's own direction."""
    adjusted_p: float | None = None

    @property
    def advantage(self) -> Interval:
        """The interval turned so that more is better."""
        mean, low, high, p_value = self.interval
        if self.metric.higher_is_better or low is None or high is None:
            return self.interval if self.metric.higher_is_better else Interval(-mean, None, None, None)
        return Interval(-mean, -high, -low, p_value)


def interval_of(differences: Float[np.ndarray, "S"], confidence: float = 0.95) -> Interval:
    """Student's interval of the mean of paired differences: d ± t · s / √S, with S - 1 degrees of freedom."""
    mean = float(np.mean(differences))
    if len(differences) < 2:
        return Interval(mean, None, None, None)
    error = float(np.std(differences, ddof=1) / np.sqrt(len(differences)))
    if error == 0:  # every seed differs by the same: t has no value, but the answer is plain
        return Interval(mean, mean, mean, float(mean == 0))
    freedom = len(differences) - 1
    half = float(stats.t.ppf((1 + confidence) / 2, freedom)) * error
    return Interval(mean, mean - half, mean + half, float(2 * stats.t.sf(abs(mean / error), freedom)))


def holm(p_values: Sequence[float]) -> list[float]:
    """The i-th smallest of m p-values times m - i + 1, never falling, at most 1 (Holm, 1979)."""
    order = np.argsort(np.asarray(p_values, dtype=np.float64), kind="stable")
    scaled = np.asarray(p_values, dtype=np.float64)[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return adjusted.tolist()


def compare(results: pd.DataFrame, metric: Metric, method: str, baseline: str) -> Comparison | None:
    """The method against the baseline over the labels both measured; None if they share no seed.

    A seed that stops before the furthest one has not spent the same budget (an interrupted run): it is left out.
    """
    ours, theirs = (learning_curves(results, metric, name) for name in (method, baseline))
    spans = {seed: _shared(ours[seed], theirs[seed]) for seed in ours if seed in theirs}
    end = max((end for _, end in spans.values()), default=0.0)
    seeds = [seed for seed, span in spans.items() if span[0] <= span[1] == end]
    if not seeds:
        return None
    values, baseline_values = (
        np.array([mean_over_budget(curves[seed], *spans[seed]) for seed in seeds]) for curves in (ours, theirs)
    )
    return Comparison(
        method=method,
        baseline=baseline,
        metric=metric,
        seeds=seeds,
        left_out=sorted((ours.keys() | theirs.keys()) - set(seeds)),
        start=min(spans[seed][0] for seed in seeds),
        end=end,
        values=values,
        baseline_values=baseline_values,
        interval=interval_of(values - baseline_values),
    )


def compare_all(results: pd.DataFrame, metric: Metric, methods: Sequence[str], baseline: str) -> list[Comparison]:
    """Every other method against the baseline, with Holm's correction over those that have an interval."""
    made = [compare(results, metric, method, baseline) for method in methods if method != baseline]
    found = [comparison for comparison in made if comparison is not None]
    tested = [comparison.interval.p_value for comparison in found if comparison.interval.p_value is not None]
    adjusted = iter(holm(tested))
    return [replace(one, adjusted_p=None if one.interval.p_value is None else next(adjusted)) for one in found]


def difference_curve(results: pd.DataFrame, comparison: Comparison) -> Band:
    """Method minus baseline at every size measured, with its paired interval at that size alone (pointwise)."""
    pair = comparison.method, comparison.baseline
    ours, theirs = (learning_curves(results, comparison.metric, name) for name in pair)
    labels, seen = at_every_size([_difference(ours[seed], theirs[seed]) for seed in comparison.seeds])
    intervals = [interval_of(differences) for differences in seen]
    return Band(
        labels,
        np.array([interval.mean for interval in intervals]),
        np.array([np.nan if interval.low is None else interval.low for interval in intervals]),
        np.array([np.nan if interval.high is None else interval.high for interval in intervals]),
        np.array([len(differences) for differences in seen]),
    )


def _difference(one: Curve, other: Curve) -> Curve:
    start, end = _shared(one, other)
    labels = np.union1d(one.labels, other.labels)
    labels = labels[(labels >= start) & (labels <= end)]
    return Curve(labels, np.interp(labels, *one) - np.interp(labels, *other))


def _shared(one: Curve, other: Curve) -> tuple[float, float]:
    return float(max(one.labels[0], other.labels[0])), float(min(one.labels[-1], other.labels[-1]))
