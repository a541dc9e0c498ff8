"""How the plots look: two themes, colours that colour-blind eyes tell apart, and labels that do not overlap."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from scipy.optimize import isotonic_regression

MARKERS = "osD^vPX"


@dataclass(frozen=True)
class Theme:
    """Colours on paper or on a dark screen. The baseline is grey; ``colours`` are for the methods, after Okabe and Ito
    (2008), moved to a contrast of at least 3 with the background.
    """

    paper: str
    ink: str
    muted: str
    grid: str
    baseline: str
    colours: tuple[str, ...]


LIGHT = Theme(
    paper="#ffffff",
    ink="#1b1f24",
    muted="#57606a",
    grid="#e4e7eb",
    baseline="#6b7280",
    colours=("#0072b2", "#d55e00", "#007f5f", "#aa3f87", "#8a6d00", "#4a7dbd", "#9b3a2f"),
)
DARK = Theme(
    paper="#171b21",
    ink="#e8eaed",
    muted="#a3acb8",
    grid="#2d333c",
    baseline="#9aa4b2",
    colours=("#56b4e9", "#ff9148", "#3ecb9c", "#e58cc4", "#d9bb3a", "#9dbdf2", "#f08a7c"),
)


@dataclass(frozen=True)
class Stroke:
    """How one method is drawn, the same in every plot."""

    colour: str
    marker: str
    dashed: bool


@contextmanager
def plain() -> Iterator[None]:
    """matplotlib's own defaults and font, whatever the user has configured; the user's settings come back after."""
    own = {"font.family": ["DejaVu Sans"], "font.size": 10.5, "svg.hashsalt": "bayesal"}
    with style.context(["default", own]):
        yield


def strokes(methods: Sequence[str], baseline: str | None, theme: Theme) -> dict[str, Stroke]:
    """A colour and a marker each; from the eighth method on the colours come again, dashed."""
    others = [method for method in methods if method != baseline]
    made = {
        method: Stroke(
            colour=theme.colours[number % len(theme.colours)],
            marker=MARKERS[number % len(MARKERS)],
            dashed=number >= len(theme.colours),
        )
        for number, method in enumerate(others)
    }
    return made if baseline is None else {**made, baseline: Stroke(theme.baseline, "o", dashed=True)}


def figure(width: float, height: float, theme: Theme, panels: int = 1, columns: int = 2) -> tuple[Figure, list[Axes]]:
    """An empty figure whose panels have this size in inches, at most ``columns`` side by side."""
    columns = min(columns, panels)
    rows = -(-panels // columns)
    made = Figure(figsize=(width * columns, height * rows), layout="constrained", facecolor=theme.paper)
    dressed = [made.add_subplot(rows, columns, number + 1) for number in range(panels)]
    for panel in dressed:
        _dress(panel, theme)
    return made, dressed


def png(drawn: Figure) -> bytes:
    """The same bytes every time: without the name of the program."""
    return _printed(FigureCanvasAgg(drawn), format="png", dpi=160, metadata={"Software": None})


def svg(drawn: Figure) -> bytes:
    """The same bytes every time: no date, no program, and ids from a fixed salt."""
    return _printed(FigureCanvasSVG(drawn), format="svg", metadata={"Date": None, "Creator": None})


def name_lines(panel: Axes, ends: Sequence[tuple[str, float, str]]) -> None:
    """Each line's name at its right end, moved apart just as far as needed. ``ends``: name, height and colour."""
    low, high = panel.get_ylim()
    panel.set_ylim(low, high)
    gap = min(0.065, 1 / len(ends)) * (high - low)
    heights = spread(np.array([height for _, height, _ in ends]), gap, low, high)
    size = 10.5 * min(1.0, gap / (high - low) / 0.05)
    for (name, _, colour), height in zip(ends, heights.tolist(), strict=True):
        place = {"xy": (1, height), "xycoords": ("axes fraction", "data"), "xytext": (6, 0), "annotation_clip": False}
        note(panel, name, colour, **place, va="center", fontweight="bold", fontsize=size)


def note(panel: Axes, text: str, colour: str, **how: Any) -> None:
    """Text at a place of the panel and a few points (``xytext``) beside it."""
    panel.annotate(text, textcoords="offset points", color=colour, parse_math=False, **how)


def spread(
    heights: Float[np.ndarray, "L"], gap: float, low: float = -np.inf, high: float = np.inf
) -> Float[np.ndarray, "L"]:
    """The nearest heights (least squares) in the same order, at least ``gap`` apart, between ``low`` and ``high``: an
    isotonic regression.
    """
    order = np.argsort(heights, kind="stable")
    steps = gap * np.arange(len(heights))
    apart = np.empty(len(heights))
    apart[order] = np.clip(isotonic_regression(heights[order] - steps).x, low, high - steps[-1]) + steps
    return apart


def _printed(canvas: FigureCanvasBase, **how: Any) -> bytes:
    file = BytesIO()
    with plain(), warnings.catch_warnings():
        # Names are the user's, in any script; what the font lacks is a box here, and the report's text says it right.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        canvas.print_figure(file, **how)
    return file.getvalue()


def _dress(panel: Axes, theme: Theme) -> None:
    panel.set_facecolor(theme.paper)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.spines["bottom"].set_color(theme.muted)
    panel.grid(axis="y", color=theme.grid, linewidth=0.9)
    panel.set_axisbelow(True)
    panel.tick_params(color=theme.muted, labelcolor=theme.ink, length=0, pad=5)
    panel.tick_params(axis="x", length=3)
    for label in (panel.xaxis.label, panel.yaxis.label):
        label.set_color(theme.muted)
        label.set_parse_math(False)
