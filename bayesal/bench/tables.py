"""The numbers of a report as tables of words: labels needed, means over the budget, time and memory."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bayesal.bench.curves import Curve, Metric, learning_curves, mean_over_budget, metrics_of
from bayesal.bench.frames import distinct, median, numbers, rows_of
from bayesal.bench.reach import Reach, saved
from bayesal.bench.results import COSTS, Outcome
from bayesal.bench.statistics import Comparison, compare_all
from bayesal.bench.verdict import Judgement, finding
from bayesal.bench.wording import spell, tell, tell_difference, tell_labels, tell_level, tell_p, tell_saved


@dataclass(frozen=True)
class Cell:
    """A number, what qualifies it, and whether it is good (1), bad (-1) or neither (0)."""

    text: str
    notes: tuple[str, ...] = ()
    mood: int = 0


@dataclass(frozen=True)
class Table:
    """A head and rows; the first cell of a row is its name."""

    head: list[str]
    rows: list[tuple[str, list[Cell]]]


def labels_needed(judged: Judgement) -> Table:
    """Per method and level: median labels over seeds, their range, and what that saves against the baseline."""
    rungs = judged.reaches[judged.judge]
    head = ["method"]
    for rung in rungs:
        origin = rung.level.origin.format(judge=spell(judged.judge))
        head.append(tell_level(rung.level, judged.metric) + (f", {origin}" if origin else ""))
    rows = []
    for method in judged.methods:
        cells = []
        for own, base in zip(judged.reaches[method], rungs, strict=True):
            cells.append(_needed(own, base if judged.baseline and method != judged.baseline else None))
        rows.append((spell(method), cells))
    return Table(head, rows)


def means(outcome: Outcome, judged: Judgement) -> list[tuple[Metric, Table]]:
    """Per metric: mean over the budget, final value, and the paired difference to the baseline with its interval."""
    return [(metric, _means(outcome, judged, metric)) for metric in metrics_of(outcome.results)]


def costs(outcome: Outcome) -> Table | None:
    """Per method: seconds of each step of a round (median and longest), all rounds of a seed, and peak memory."""
    known = [name for name in COSTS if not np.isnan(numbers(outcome.results, name)).all()]
    if not known:
        return None
    steps = [name for name in known if name.startswith("seconds_")]
    head = ["method", *(f"{name.removeprefix('seconds_')}, s a round" for name in steps)]
    head += ["all rounds, s a seed"] if steps else []
    head += ["peak memory, MiB"] if "peak_memory_mib" in known else []
    rows = []
    for method in outcome.methods:
        own = rows_of(outcome.results, method)
        cells = [_seconds(numbers(own, name)) for name in steps]
        if steps:
            seeds = [rows_of(own, method, seed) for seed in distinct(own, "seed")]
            spent = [float(np.nansum([numbers(seed, name) for name in steps])) for seed in seeds]
            cells.append(Cell(_short(median(spent))))
        if "peak_memory_mib" in known:
            cells.append(Cell(f"{np.nanmax(numbers(own, 'peak_memory_mib')):.0f}"))
        rows.append((spell(method), cells))
    return Table(head, rows)


def _needed(own: Reach, base: Reach | None) -> Cell:
    counts = sorted(bounds.low for bounds in own.by_seed.values() if bounds.known)
    notes = []
    if len(counts) > 1 and counts[0] < counts[-1]:
        notes.append(f"{counts[0]:g} to {counts[-1]:g}")
    if 0 < own.reached < len(own.by_seed):
        notes.append(f"in {own.reached} of {len(own.by_seed)} seeds")
    text = tell_labels(own.median) if own.median.known or own.reached else "not reached"
    if base is not None and (own.reached or base.reached):
        notes.append(f"saved: {tell_saved(saved(own, base))}")
    return Cell(text, tuple(notes))


def _means(outcome: Outcome, judged: Judgement, metric: Metric) -> Table:
    comparisons = compare_all(outcome.results, metric, judged.methods, judged.baseline) if judged.baseline else []
    paired = {comparison.method: comparison for comparison in comparisons}
    rows = []
    for method in judged.methods:
        curves = _finished(learning_curves(outcome.results, metric, method).values())
        if not curves:
            continue
        over = np.mean([mean_over_budget(curve, curve.labels[0], curve.labels[-1]) for curve in curves])
        cells = [Cell(tell(float(over), metric)), Cell(tell(float(np.mean([c.values[-1] for c in curves])), metric))]
        if comparisons:
            cells += _compared(paired.get(method))
        rows.append((spell(method), cells))
    head = ["method", "mean over the budget", "at the end"]
    against = [f"difference to {spell(judged.judge)}, 95 % interval", "seeds", "p (Holm)"]
    return Table([*head, *against] if comparisons else head, rows)


def _finished(curves: Iterable[Curve]) -> list[Curve]:
    """Those that go as far as any: the mean of a seed that stopped early is not of the same budget."""
    known = list(curves)
    return [curve for curve in known if curve.labels[-1] == max(other.labels[-1] for other in known)]


def _compared(comparison: Comparison | None) -> list[Cell]:
    if comparison is None:
        return [Cell("", ("the baseline",)), Cell(""), Cell("")]
    mean, low, high, _ = comparison.interval
    found = finding(comparison)
    mood = {"better": 1, "worse": -1}.get(found.value, 0)
    p_value = (
        "" if comparison.adjusted_p is None else tell_p(comparison.adjusted_p).removeprefix("p ").removeprefix("= ")
    )
    difference = Cell(tell_difference(mean, low, high, comparison.metric), (found.value,), mood)
    return [difference, Cell(str(len(comparison.seeds))), Cell(p_value)]


def _seconds(spent: np.ndarray) -> Cell:
    if np.isnan(spent).all():
        return Cell("")
    return Cell(_short(median(spent)), (f"at most {_short(float(np.nanmax(spent)))}",))


def _short(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds >= 100 else f"{seconds:.3g}" if seconds >= 0.01 else f"{seconds:.1g}"
