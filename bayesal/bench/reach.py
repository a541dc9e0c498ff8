"""How many labels a level took, and how many fewer than the baseline; what was not reached is never guessed.

A seed that did not reach a level needs more labels than it was given: its count is known only to lie above that, so
medians over seeds and differences between methods are bounds, equal where the answer is known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from bayesal.bench.curves import Curve, Metric, learning_curves

SHARES = (0.80, 0.90, 0.95)


@dataclass(frozen=True)
class Level:
    """A value of the metric to reach; ``origin`` says where it comes from if it is not a round share."""

    value: float
    origin: str = ""


class Bounds(NamedTuple):
    """A number known to lie between these; known exactly where they are equal."""

    low: float
    high: float

    @property
    def known(self) -> bool:
        return self.low == self.high


@dataclass(frozen=True)
class Reach:
    """The labels to a level, by seed: the size of the first labelled set that reached it, its last batch included."""

    level: Level
    by_seed: Mapping[int, Bounds]

    @property
    def reached(self) -> int:
        """In how many seeds."""
        return sum(bounds.known for bounds in self.by_seed.values())

    @property
    def median(self) -> Bounds:
        return median_of(list(self.by_seed.values()))


def reach(curves: Mapping[int, Curve], metric: Metric, level: Level) -> Reach:
    return Reach(level, {seed: _labels_to(curve, metric, level) for seed, curve in curves.items()})


def saved(ours: Reach, baseline: Reach) -> Bounds:
    """The median over seeds of the baseline's labels minus the method's, paired by seed."""
    pairs = [(ours.by_seed[seed], baseline.by_seed[seed]) for seed in ours.by_seed if seed in baseline.by_seed]
    return median_of([_minus(theirs, own) for own, theirs in pairs])


def median_of(counts: Sequence[Bounds]) -> Bounds:
    """The median of numbers of which some are only bounded: the medians of their lower and of their upper bounds."""
    if not counts:
        return Bounds(-np.inf, np.inf)
    low, high = (_median(edges) for edges in zip(*counts, strict=True))
    return Bounds(low, high)


def levels(results: pd.DataFrame, metric: Metric, judge: str) -> list[Level]:
    """The levels to reach, easiest first: 80, 90 and 95 % for shares; otherwise, and where ``judge`` (the baseline, or
    the first method where there is none) ends below 80 %, its own final value, and for errors also half and four
    fifths of its improvement. They depend on the judge alone, so no method can be favoured by them.
    """
    curves = learning_curves(results, metric, judge).values()
    first = float(np.median([curve.values[0] for curve in curves]))
    # Of an even number of seeds the easier middle, so that more than half of them reach it.
    easier = "lower" if metric.is_share else "higher"
    final = float(np.quantile([curve.values[-1] for curve in curves], 0.5, method=easier))
    if metric.is_share:
        fixed = [Level(share) for share in SHARES]
        own = Level(float(np.floor(final * 1000) / 1000), "{judge}'s final value")
        return fixed if final >= SHARES[0] else [own, *fixed]
    parts = ((0.5, "half of {judge}'s improvement"), (0.8, "four fifths of it"), (1.0, "{judge}'s final value"))
    way = [Level(_easier(first + part * (final - first)), origin) for part, origin in parts]
    return way if way[0].value > way[1].value > way[2].value else way[2:]


def headline(reaches: Mapping[str, Sequence[Reach]], judge: str) -> int:
    """Which level the sentences are about: the highest the judge reached in the median, else the highest any did."""
    for methods in ([judge], list(reaches)):
        reached = [number for name in methods for number, one in enumerate(reaches[name]) if one.median.known]
        if reached:
            return max(reached)
    return 0


def _labels_to(curve: Curve, metric: Metric, level: Level) -> Bounds:
    good = curve.values >= level.value if metric.higher_is_better else curve.values <= level.value
    if not good.any():
        return Bounds(float(curve.labels[-1]), np.inf)
    first = float(curve.labels[np.argmax(good)])
    return Bounds(first, first)


def _minus(one: Bounds, other: Bounds) -> Bounds:
    return Bounds(one.low - other.high, one.high - other.low)


def _median(edges: Sequence[float]) -> float:
    ordered = sorted(edges)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _easier(error: float) -> float:
    """Rounded up to three digits: the level that is shown is then the level that was used, and the judge reaches it."""
    if error == 0:
        return 0.0
    unit = 10.0 ** (np.floor(np.log10(abs(error))) - 2)
    return float(f"{np.ceil(error / unit) * unit:.3g}")
