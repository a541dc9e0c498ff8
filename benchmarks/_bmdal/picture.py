"""The table of means as a picture: each method's error against random, in per cent, beside the published difference."""

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bayesal.bench.statistics import interval_of
from bayesal.bench.theme import LIGHT
from benchmarks._bmdal.report import Logs, Runs
from benchmarks._bmdal.strategies import METHODS, RANDOM


def draw(runs: Runs, path: Path) -> None:
    """Ours with 95 % intervals, the best on top; of the paper the means alone."""
    logs = Logs(runs)
    methods = [method for method in logs.ordered() if method != RANDOM][::-1]
    differences = [interval_of((logs.of(method) - logs.of(RANDOM)).mean(0)) for method in methods]
    means = [_per_cent(mean) for mean, *_ in differences]
    bounds = [
        (_per_cent(low), _per_cent(high)) for _, low, high, *_ in differences if low is not None and high is not None
    ]
    published = [_per_cent(METHODS[method].published - METHODS[RANDOM].published) for method in methods]

    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    places = np.arange(len(methods))
    axes.axvline(0, color=LIGHT.muted, linewidth=1)
    spread = np.abs(np.array(bounds).T - np.array(means)) if bounds else None
    axes.errorbar(
        means, places, xerr=spread, fmt="o", color=LIGHT.colours[0], capsize=3, label="here, with 95 % interval"
    )
    axes.plot(
        published, places, "D", color=LIGHT.baseline, markersize=5, label="published, larger batches and networks"
    )
    axes.set_yticks(places, methods)
    axes.set_xlabel("error against random, % (left is better)")
    axes.grid(axis="x", color=LIGHT.grid)
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    figure.savefig(path, dpi=110)


def _per_cent(log_ratio: float) -> float:
    return 100 * float(np.expm1(log_ratio))
