"""The plots of a report: learning curves, paired differences, and what each pick was worth."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bayesal.bench.curves import Band, Metric, learning_curves, mean_curve
from bayesal.bench.frames import numbers, ordered, rows_of
from bayesal.bench.results import Outcome
from bayesal.bench.statistics import difference_curve
from bayesal.bench.theme import Stroke, Theme, figure, name_lines, note, plain, strokes
from bayesal.bench.verdict import Judgement
from bayesal.bench.wording import spell, tell_level

WIDTH, HEIGHT = 6.4, 4.3
LONGEST_NAME = 26
DASHES = (0, (4, 2))


@plain()
def curve_plot(outcome: Outcome, judged: Judgement, theme: Theme) -> Figure:
    """The mean learning curve of each method, shaded from its lowest to its highest seed."""
    drawn, (panel,) = figure(WIDTH, HEIGHT, theme)
    _curves(panel, outcome, judged, theme)
    return drawn


@plain()
def difference_plot(outcome: Outcome, judged: Judgement, theme: Theme) -> Figure:
    """Each method minus the baseline, paired by seed, with pointwise 95 % intervals."""
    drawn, (panel,) = figure(WIDTH, HEIGHT, theme)
    _differences(panel, outcome, judged, theme)
    return drawn


@plain()
def summary_plot(outcome: Outcome, judged: Judgement, theme: Theme) -> Figure:
    """Both side by side, with titles: the picture to show without the report. Curves alone if nothing is compared."""
    titles = [f"{_title(judged.metric)} on {_short(outcome.manifest.get('data', {}).get('name', 'the test points'))}"]
    if judged.comparisons:
        titles.append(f"Difference to {_name(judged.judge)}, paired, with 95 % intervals")
    drawn, panels = figure(WIDTH, HEIGHT + 0.4, theme, panels=len(titles))
    for panel, draw, title in zip(panels, (_curves, _differences), titles, strict=False):
        draw(panel, outcome, judged, theme)
        panel.set_title(title, loc="left", fontweight="bold", color=theme.ink, pad=14, parse_math=False)
    return drawn


@plain()
def pick_plot(outcome: Outcome, methods: Sequence[str], seed: int, theme: Theme) -> Figure:
    """What each pick of one seed scored alone (dots) and added to its batch (lines), a panel a method."""
    drawn, panels = figure(5.6, 3.4, theme, panels=len(methods))
    drawing = strokes(outcome.methods, outcome.baseline, theme)
    for panel, method in zip(panels, methods, strict=True):
        picks = ordered(rows_of(outcome.labels, method, seed), "round", "order")
        _picks(panel, picks, drawing[method], theme)
        panel.set_title(_name(method), loc="left", fontweight="bold", color=drawing[method].colour, parse_math=False)
    return drawn


def _curves(panel: Axes, outcome: Outcome, judged: Judgement, theme: Theme) -> None:
    drawing, ends = strokes(outcome.methods, judged.baseline, theme), []
    for method in reversed(judged.methods):
        band = mean_curve(list(learning_curves(outcome.results, judged.metric, method).values()))
        _draw(panel, band, drawing[method], shade=_shade(judged))
        ends.append((_name(method), float(band.mean[-1]), drawing[method].colour))
    level = judged.reaches[judged.judge][judged.headline].level
    panel.axhline(level.value, color=theme.muted, linewidth=1, linestyle=(0, (1, 2.5)))
    place = {"xy": (0, level.value), "xycoords": ("axes fraction", "data"), "xytext": (3, 3), "fontsize": 9}
    note(panel, tell_level(level, judged.metric), theme.muted, **place)
    _axes(panel, judged, f"{judged.metric.name} on the test points", percent=" %")
    name_lines(panel, ends)


def _differences(panel: Axes, outcome: Outcome, judged: Judgement, theme: Theme) -> None:
    drawing, baseline = strokes(outcome.methods, judged.baseline, theme), _name(judged.judge)
    ends = [(baseline, 0.0, theme.baseline)]
    panel.axhline(0, color=theme.baseline, linewidth=1.6, linestyle=DASHES)
    for comparison in reversed(judged.comparisons):
        band = difference_curve(outcome.results, comparison)
        _draw(panel, band, drawing[comparison.method], shade=_shade(judged))
        ends.append((_name(comparison.method), float(band.mean[-1]), drawing[comparison.method].colour))
    points = ", in points" if judged.metric.is_share else ""
    _axes(panel, judged, f"{judged.metric.name} minus that of {baseline}{points}", percent="")
    top = judged.metric.higher_is_better
    place = {"xy": (0, float(top)), "xycoords": "axes fraction", "xytext": (3, -3 if top else 3), "fontsize": 9}
    note(panel, "↑ better" if top else "↓ better", theme.muted, va="top" if top else "bottom", **place)
    name_lines(panel, ends)


def _picks(panel: Axes, picks: pd.DataFrame, stroke: Stroke, theme: Theme) -> None:
    scores, gains, rounds = (numbers(picks, column) for column in ("score", "gain", "round"))
    pick = np.arange(1, len(picks) + 1)
    panel.plot(pick, scores, "o", markersize=3.6, color=theme.muted, alpha=0.55, markeredgewidth=0)
    for number, round_ in enumerate(np.unique(rounds)):
        batch = rounds == round_
        panel.plot(pick[batch], gains[batch], color=stroke.colour, linewidth=1.8)
        if number:
            panel.axvline(float(pick[batch][0]) - 0.5, color=theme.grid, linewidth=0.9)
    panel.set_xlabel("pick")
    panel.set_ylabel("score and gain")
    panel.xaxis.set_major_locator(MaxNLocator(7, integer=True, steps=[1, 2, 5, 10]))
    panel.margins(x=0.02)
    if not (np.minimum(scores, gains) < 0).any():
        panel.set_ylim(bottom=0)


def _shade(judged: Judgement) -> float:
    """Fainter the more bands lie over each other."""
    return max(0.05, 0.16 - 0.015 * max(0, len(judged.methods) - 3))


def _draw(panel: Axes, band: Band, stroke: Stroke, shade: float) -> None:
    panel.fill_between(band.labels, band.low, band.high, color=stroke.colour, alpha=shade, linewidth=0)
    line = DASHES if stroke.dashed else "-"
    how = {"marker": stroke.marker, "markersize": 4.2, "markeredgewidth": 0, "linewidth": 2, "linestyle": line}
    panel.plot(band.labels, band.mean, color=stroke.colour, **how)


def axis_of(judged: Judgement) -> str:
    """What a curve is drawn against."""
    return "labelled points" if judged.unit == "labels" else judged.unit


def _axes(panel: Axes, judged: Judgement, what: str, percent: str) -> None:
    panel.set_xlabel(axis_of(judged))
    panel.set_ylabel(what)
    panel.margins(x=0.02)
    panel.xaxis.set_major_locator(MaxNLocator(7, integer=True, steps=[1, 2, 5, 10]))
    if judged.metric.is_share:
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.6g}{percent}".replace("-", "−")))


def _name(method: str) -> str:
    return _short(spell(method))


def _short(name: str) -> str:
    """A long name would leave no room for the plot."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _title(metric: Metric) -> str:
    return metric.name.capitalize() if metric.is_share else metric.name
