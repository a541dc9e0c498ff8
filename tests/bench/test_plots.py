"""The plots are the same every time, leave the user's matplotlib alone, and can be told apart by every eye."""

import subprocess
import sys
from dataclasses import replace
from itertools import combinations

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesal.bench.plots import curve_plot, difference_plot, pick_plot, summary_plot
from bayesal.bench.results import Outcome
from bayesal.bench.theme import DARK, LIGHT, Theme, png, spread, strokes, svg
from bayesal.bench.verdict import judge
from tests.bench.outcomes import classification, regression

HOSTILE = "$\\frac{1}{0$ ^_ <b>&\U0001f600 漢字"


@pytest.fixture(scope="module")
def made() -> Outcome:
    return classification(seeds=3, rounds=5, images=False)


def test_a_png_is_a_png_of_the_same_bytes_every_time(made: Outcome):
    one, other = (png(summary_plot(made, judge(made), LIGHT)) for _ in range(2))
    assert one[:8] == b"\x89PNG\r\n\x1a\n"
    assert one == other
    assert b"matplotlib" not in one.lower()


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_an_svg_is_the_same_bytes_every_time_and_asks_for_nothing(made: Outcome, theme: Theme):
    one, other = (svg(difference_plot(made, judge(made), theme)) for _ in range(2))
    assert one == other
    assert b"<script" not in one
    assert b'href="http' not in one
    assert theme.paper.encode() in one


def test_the_users_settings_neither_matter_nor_change(made: Outcome):
    plain = svg(curve_plot(made, judge(made), LIGHT))
    with matplotlib.rc_context({"font.size": 40, "axes.facecolor": "black", "lines.linewidth": 9}):
        before = dict(matplotlib.rcParams)
        styled = svg(curve_plot(made, judge(made), LIGHT))
        assert dict(matplotlib.rcParams) == before
    assert styled == plain


def test_no_window_system_and_no_global_figure_is_touched():
    code = "import sys, bayesal.bench.report; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_curves_drawn_are_the_means_over_seeds(made: Outcome):
    (panel,) = curve_plot(made, judge(made), LIGHT).axes
    own = made.results[made.results["method"] == "batchbald"].groupby("labels")["accuracy"].mean()
    drawn = [line.get_xydata() for line in panel.get_lines()]
    expected = np.column_stack([own.index.to_numpy(), own.to_numpy()])
    assert any(np.shape(line) == expected.shape and np.allclose(line, expected) for line in drawn)
    assert {"BatchBALD", "BALD", "random"} <= {text.get_text() for text in panel.texts}


@pytest.mark.parametrize(
    "other",
    [
        classification(methods=("batchbald",), seeds=1, rounds=3, images=False),
        classification(methods=("random",), seeds=2, rounds=1, images=False),
        classification(methods=tuple(f"method {n}" for n in range(17)), seeds=2, rounds=3, images=False),
        regression(seeds=2),
    ],
)
def test_every_kind_of_outcome_can_be_drawn(other: Outcome):
    assert png(summary_plot(other, judge(other), LIGHT))
    assert svg(pick_plot(other, other.methods[:3], 0, DARK))


def test_names_are_text_never_formulas(made: Outcome):
    results, labels = (table.replace({"bald": HOSTILE}) for table in (made.results, made.labels))
    hostile = replace(made, results=results, labels=labels, manifest={"data": {"name": HOSTILE}})
    assert png(summary_plot(hostile, judge(hostile), LIGHT))
    assert svg(pick_plot(hostile, [HOSTILE], 0, LIGHT))


@given(heights=st.lists(st.floats(-10, 10), min_size=1, max_size=8), gap=st.floats(0.01, 2))
def test_labels_move_apart_in_order_and_no_further_than_needed(heights: list[float], gap: float):
    before = np.array(heights)
    after = spread(before, gap)
    order = np.argsort(before, kind="stable")
    assert (np.diff(after[order]) >= gap - 1e-9).all()
    assert np.mean(after) == pytest.approx(np.mean(before), abs=1e-9)
    if (np.diff(before[order]) >= gap).all():
        assert after == pytest.approx(before, abs=1e-9)


@given(heights=st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_labels_stay_beside_the_panel(heights: list[float]):
    after = np.sort(spread(np.array(heights), 0.1, 0.0, 1.0))
    assert after[0] >= -1e-9
    assert after[-1] <= 1 + 1e-9
    assert (np.diff(after) >= 0.1 - 1e-9).all()


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_every_line_stands_out_from_the_paper(theme: Theme):
    for colour in (theme.baseline, *theme.colours):
        assert contrast(colour, theme.paper) >= 3, colour
    for colour in (theme.ink, theme.muted):
        assert contrast(colour, theme.paper) >= 4.5, colour


def test_methods_never_share_a_stroke():
    drawing = strokes([f"method {n}" for n in range(14)] + ["random"], "random", LIGHT)
    assert all(one != other for one, other in combinations(drawing.values(), 2))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of the Web Content Accessibility Guidelines 2."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))
