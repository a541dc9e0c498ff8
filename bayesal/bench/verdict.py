"""The verdict in plain sentences: what each method needed, what the baseline needed, and whether it was better."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from bayesal.bench.config import ANSWERS
from bayesal.bench.curves import Metric, bought, learning_curves, metrics_of
from bayesal.bench.frames import numbers, rows_of
from bayesal.bench.reach import Reach, headline, levels, reach
from bayesal.bench.results import COUNTED, NO_LABEL, Outcome, counted
from bayesal.bench.statistics import Comparison, compare_all
from bayesal.bench.wording import begin, listed, spell, tell_difference, tell_labels, tell_level, tell_p

SIGNIFICANT = 0.05


class Finding(StrEnum):
    """What a comparison with the baseline shows."""

    BETTER = "better"
    AHEAD = "ahead"
    """Its own interval excludes zero, but not once all comparisons of the run are counted."""
    UNDECIDED = "no difference shown"
    BEHIND = "behind"
    WORSE = "worse"
    ONE_SEED = "one seed"


@dataclass(frozen=True, eq=False)
class Judgement:
    """Everything the sentences and the tables of a report are made of. ``judge`` is the baseline where there is one,
    else the first method: the method whose own curve sets the levels.
    """

    metric: Metric
    methods: list[str]
    judge: str
    baseline: str | None
    budget: float
    """What a finished study ends with: so many labels, answers, or units spent."""
    comparisons: list[Comparison]
    reaches: dict[str, list[Reach]]
    headline: int
    unit: str = "labels"
    """What the budget counts: labels, answers where some are no label, units spent where labels have prices."""
    no_label: dict[str, float] = field(default_factory=dict)
    """Where every answer is paid: the points a study asked for without getting a label, in the mean over seeds."""

    @property
    def others(self) -> list[str]:
        return [method for method in self.methods if method != self.baseline]

    def comparison(self, method: str) -> Comparison | None:
        return next((one for one in self.comparisons if one.method == method), None)


def judge(outcome: Outcome) -> Judgement:
    """The comparisons and the labels to each level, on the outcome's first metric."""
    metric = metrics_of(outcome.results)[0]
    curves = {method: learning_curves(outcome.results, metric, method) for method in outcome.methods}
    methods = [method for method in outcome.methods if curves[method]]
    baseline = outcome.baseline if outcome.baseline in methods else None
    first = baseline or methods[0]
    rungs = levels(outcome.results, metric, first)
    reaches = {method: [reach(curves[method], metric, level) for level in rungs] for method in methods}
    return Judgement(
        metric=metric,
        methods=methods,
        judge=first,
        baseline=baseline,
        budget=float(outcome.config.get("budget") or np.max(bought(outcome.results))),
        comparisons=compare_all(outcome.results, metric, methods, baseline) if baseline else [],
        reaches=reaches,
        headline=headline(reaches, first),
        unit=COUNTED[counted(outcome.results)],
        no_label=_no_label(outcome, methods) if ANSWERS in outcome.results else {},
    )


def _no_label(outcome: Outcome, methods: list[str]) -> dict[str, float]:
    asked = {method: rows_of(outcome.labels, method) for method in methods}
    return {
        method: float(np.sum(numbers(own, "label") == NO_LABEL)) / len(outcome.seeds) for method, own in asked.items()
    }


def finding(comparison: Comparison) -> Finding:
    """What the interval shows; a difference counts only if it also survives Holm's correction."""
    _, low, high, _ = comparison.advantage
    if low is None or high is None or comparison.adjusted_p is None:
        return Finding.ONE_SEED
    sure = comparison.adjusted_p < SIGNIFICANT
    if low > 0:
        return Finding.BETTER if sure else Finding.AHEAD
    if high < 0:
        return Finding.WORSE if sure else Finding.BEHIND
    return Finding.UNDECIDED


def verdict(outcome: Outcome) -> list[str]:
    """Plain sentences: one a method against the baseline, then one that says what the numbers rest on."""
    judged = judge(outcome)
    return [*(sentence(judged, method) for method in judged.others or judged.methods), footing(judged)]


def sentence(judged: Judgement, method: str) -> str:
    """What this method needed and whether that was better than the baseline."""
    return begin(_sentence(judged, method))


def _sentence(judged: Judgement, method: str) -> str:
    if method == judged.baseline or judged.baseline is None:
        return f"{_reached_alone(judged, method)}."
    comparison = judged.comparison(method)
    baseline = spell(judged.baseline)
    if comparison is None:
        return f"{spell(method)} and {baseline} share no measured seed, so they cannot be compared."
    name, facts = spell(method), f"{_reached(judged, method)}; {_difference(judged, comparison)}"
    match finding(comparison):
        case Finding.BETTER:
            return f"{name} {facts}."
        case Finding.AHEAD:
            return f"{name} was ahead of {baseline}, {_not_shown(judged, comparison)}: it {facts}."
        case Finding.UNDECIDED:
            return f"No difference from {baseline} could be shown for {name}: it {facts}."
        case Finding.BEHIND:
            return f"{name} was behind {baseline}, {_not_shown(judged, comparison)}: it {facts}."
        case Finding.WORSE:
            return f"{name} was worse than {baseline}: it {facts}."
        case Finding.ONE_SEED:
            return f"One seed cannot show whether {name} beats {baseline}: it {facts}, without an interval."


def footing(judged: Judgement) -> str:
    """What the sentences rest on: seeds, intervals, how labels are counted, how many comparisons were made, and where
    answers are counted how many were bought in vain."""
    if not judged.no_label:
        return _footing(judged)
    told = listed([f"{number:.1f} by {spell(method)}" for method, number in judged.no_label.items()])
    return (
        f"{_footing(judged)} Every answer counts, whether or not it gives a label; points that got none, in the mean "
        f"over seeds: {told}."
    )


def _footing(judged: Judgement) -> str:
    if judged.baseline is None:
        return (
            "Nothing was asked at random in this run, so nothing can be said about whether this beats asking at random."
        )
    if not judged.others:
        return f"Only {spell(judged.baseline)} was run, so there is nothing to compare it with."
    tested = [(one, one.adjusted_p) for one in judged.comparisons if one.adjusted_p is not None]
    if not tested:
        return "Run at least 5 seeds for an interval: the luck of one seed is often larger than the difference."
    sizes = sorted({len(one.seeds) for one, _ in tested})
    seeds = f"{sizes[0]} seeds" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]} seeds"
    told = listed([f"{tell_p(p_value)} for {spell(one.method)}" for one, p_value in tested])
    holm = f" {len(tested)} methods were compared, so p-values are Holm's: {told}." if len(tested) > 1 else ""
    return (
        f"Differences are paired over {seeds}, with 95 % intervals; {judged.unit} are medians over seeds and count the "
        f"initial {'ones' if judged.unit == 'labels' else 'labels'} and the whole batch that reached the level.{holm}"
    )


def _not_shown(judged: Judgement, comparison: Comparison) -> str:
    p_value = "" if comparison.adjusted_p is None else f" (Holm: {tell_p(comparison.adjusted_p)})"
    return f"but no difference could be shown once all {len(judged.comparisons)} comparisons are counted{p_value}"


def _reached(judged: Judgement, method: str) -> str:
    """reached 90 % with 58 labels, random with 96."""
    ours, theirs = judged.reaches[method][judged.headline], judged.reaches[judged.judge][judged.headline]
    level, other = tell_level(ours.level, judged.metric), spell(judged.judge)
    if ours.median.known and theirs.median.known:
        return f"reached {level} with {_labels(ours, judged.unit)}, {other} with {_labels(theirs)}"
    if ours.median.known:
        return f"reached {level} with {_labels(ours, judged.unit)}, {other} did not {_within(theirs, judged.unit)}"
    if theirs.median.known:
        return f"did not reach {level} {_within(ours, judged.unit)}, {other} did with {_labels(theirs)}"
    return f"did not reach {level} {_within(ours, judged.unit)}, nor did {other}"


def _reached_alone(judged: Judgement, method: str) -> str:
    own = judged.reaches[method][judged.headline]
    level = tell_level(own.level, judged.metric)
    return f"{spell(method)} " + (
        f"reached {level} with {_labels(own, judged.unit)}"
        if own.median.known
        else f"did not reach {level} {_within(own, judged.unit)}"
    )


def _labels(one: Reach, unit: str = "") -> str:
    some = "" if one.reached == len(one.by_seed) else f" (in {one.reached} of {len(one.by_seed)} seeds)"
    return f"{tell_labels(one.median)}{unit and ' ' + unit}{some}"


def _within(one: Reach, unit: str) -> str:
    some = f" (but did in {one.reached} of {len(one.by_seed)} seeds)" if one.reached else ""
    return f"within {max(bounds.low for bounds in one.by_seed.values() if not bounds.known):g} {unit}{some}"


def _difference(judged: Judgement, comparison: Comparison) -> str:
    metric, (mean, low, high, _) = judged.metric, comparison.interval
    unfinished = f"the first {comparison.end:g} {judged.unit} (unfinished)"
    budget = "the budget" if comparison.end >= judged.budget else unfinished
    better = "" if metric.higher_is_better else " (lower is better)"
    return f"difference {tell_difference(mean, low, high, metric)} mean {metric.name} over {budget}{better}"
