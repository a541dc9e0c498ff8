"""Learning curves: a metric against the size of the labelled set, one curve a seed, and their mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from bayesal.bench.frames import numbers, ordered, rows_of
from bayesal.bench.results import counted


@dataclass(frozen=True)
class Metric:
    """A measured quality: its column in the results, its name in a sentence, and which way is better."""

    column: str
    name: str
    higher_is_better: bool
    is_share: bool = False
    """Whether it is a share of 1, told in per cent and points."""


METRICS = (
    Metric("accuracy", "accuracy", higher_is_better=True, is_share=True),
    Metric("rmse", "RMSE", higher_is_better=False),
    Metric("nll", "NLL", higher_is_better=False),
)


class Curve(NamedTuple):
    """One learning curve: sizes of the labelled set, ascending, and the metric measured at each."""

    labels: Float[np.ndarray, "R"]
    values: Float[np.ndarray, "R"]


class Band(NamedTuple):
    """A mean curve, its lower and upper edge (NaN where one seed gives none), and how many seeds are behind it."""

    labels: Float[np.ndarray, "R"]
    mean: Float[np.ndarray, "R"]
    low: Float[np.ndarray, "R"]
    high: Float[np.ndarray, "R"]
    seeds: Int[np.ndarray, "R"]


def metrics_of(results: pd.DataFrame) -> list[Metric]:
    """The metrics that were measured; the first is the one the verdict is about. ValueError if there is none."""
    found = [metric for metric in METRICS if not np.isnan(numbers(results, metric.column)).all()]
    if not found:
        columns = ", ".join(metric.column for metric in METRICS)
        raise ValueError(f"the results hold none of the metrics {columns}; measure at least one round before reporting")
    return found


def learning_curves(results: pd.DataFrame, metric: Metric, method: str) -> dict[int, Curve]:
    """The curve of each seed in which the metric was measured. Of two rounds with equally many labels the later counts.

    Rounds that were not measured are left out; between two measured rounds a curve is taken as linear.
    """
    own = ordered(rows_of(results, method), "seed", "round")
    measured: dict[int, dict[float, float]] = {}
    for seed, labels, value in zip(own["seed"], bought(own), numbers(own, metric.column), strict=True):
        if not np.isnan(value):
            measured.setdefault(int(seed), {})[float(labels)] = float(value)
    return {seed: Curve(*np.array(sorted(points.items())).T) for seed, points in measured.items()}


def bought(results: pd.DataFrame) -> Float[np.ndarray, "R"]:
    """What the budget counts: the size of the labelled set or, where more is bought, the answers or units spent."""
    return numbers(results, counted(results))


def mean_over_budget(curve: Curve, start: float, end: float) -> float:
    """The area under the learning curve from ``start`` to ``end`` labels (trapezoids), divided by the span."""
    between = (curve.labels > start) & (curve.labels < end)
    labels = np.concatenate([[start], curve.labels[between], [end]])
    values = np.interp(labels, curve.labels, curve.values)
    return float(np.trapezoid(values, labels) / (end - start)) if end > start else float(values[0])


def mean_curve(curves: Sequence[Curve]) -> Band:
    """The mean over seeds at every size measured, between the lowest and the highest seed."""
    labels, seen = at_every_size(curves)
    return Band(
        labels,
        np.array([np.mean(values) for values in seen]),
        np.array([np.min(values) for values in seen]),
        np.array([np.max(values) for values in seen]),
        np.array([len(values) for values in seen]),
    )


def at_every_size(curves: Sequence[Curve]) -> tuple[Float[np.ndarray, "R"], list[np.ndarray]]:
    """Every size any curve measured from where all have begun and, at each, the values of the curves whose range covers
    it. Initial labels that have prices cost otherwise with each seed, and a mean of few would jump to that of all.
    """
    labels = np.unique(np.concatenate([curve.labels for curve in curves]))
    labels = labels[labels >= max(curve.labels[0] for curve in curves)]
    values = np.stack([np.interp(labels, *curve, left=np.nan, right=np.nan) for curve in curves])
    return labels, [column[~np.isnan(column)] for column in values.T]
