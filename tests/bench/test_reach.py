"""Labels to a level: the crossing batch counts, and what was not reached stays a bound."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesal.bench.curves import METRICS, Curve, learning_curves
from bayesal.bench.reach import Bounds, Level, Reach, headline, levels, median_of, reach, saved

ACCURACY, RMSE, _ = METRICS
INF = float("inf")


def exactly(labels: float) -> Bounds:
    return Bounds(float(labels), float(labels))


def over(labels: float) -> Bounds:
    return Bounds(float(labels), INF)


def curve(*values: float) -> Curve:
    return Curve(np.arange(10.0, 10.0 * (len(values) + 1), 10.0), np.array(values))


def test_the_count_is_the_first_labelled_set_that_reached_the_level_its_batch_included():
    found = reach({0: curve(0.5, 0.89, 0.90, 0.85)}, ACCURACY, Level(0.90))
    assert found.by_seed == {0: exactly(30)}, "30 labels, not 21; and falling below it later changes nothing"
    assert found.reached == 1


def test_for_errors_the_level_is_reached_from_above():
    found = reach({0: curve(80, 60, 50)}, RMSE, Level(60.0))
    assert found.by_seed == {0: exactly(20)}


def test_a_level_not_reached_needs_more_labels_than_were_given():
    found = reach({0: curve(0.5, 0.6), 1: curve(0.5, 0.95)}, ACCURACY, Level(0.9))
    assert found.by_seed == {0: over(20), 1: exactly(20)}
    assert found.reached == 1


def test_medians_are_known_if_the_middle_is():
    known = [exactly(50), exactly(58), exactly(60)]
    assert median_of([*known, over(100), over(100)]) == exactly(60)
    assert median_of([*known, over(100)]) == exactly(59)
    assert median_of([exactly(50), over(100)]) == over(75)
    assert median_of([over(100)] * 3) == over(100)
    assert median_of([]) == Bounds(-INF, INF)


@given(st.lists(st.tuples(st.integers(10, 200), st.booleans(), st.integers(0, 1000)), min_size=1, max_size=9))
def test_the_true_median_lies_within_the_bounds(seeds: list[tuple[int, bool, int]]):
    bounds = [exactly(labels) if reached else over(labels) for labels, reached, _ in seeds]
    truth = [labels if reached else labels + more for labels, reached, more in seeds]
    low, high = median_of(bounds)
    assert low <= np.median(truth) <= high


def test_labels_saved_are_paired_and_bounded_where_a_side_is_unknown():
    ours = Reach(Level(0.9), {0: exactly(50), 1: exactly(60), 2: exactly(70)})
    theirs = Reach(Level(0.9), {0: exactly(90), 1: exactly(80), 2: over(100)})
    assert saved(ours, theirs) == Bounds(30.0, 40.0), "40, 20 and at least 30"
    assert saved(theirs, ours) == Bounds(-40.0, -30.0)
    never = Reach(Level(0.9), dict.fromkeys(range(3), over(100)))
    assert saved(ours, never) == over(40)
    assert saved(never, never) == Bounds(-INF, INF)


def results(column: str, *values: float) -> pd.DataFrame:
    rows = [{"method": "random", "seed": 0, "round": n, "labels": 10 * n, column: v} for n, v in enumerate(values)]
    return pd.DataFrame(rows)


def test_shares_have_the_levels_80_90_and_95_percent():
    assert levels(results("accuracy", 0.5, 0.93), ACCURACY, "random") == [Level(0.80), Level(0.90), Level(0.95)]


def test_where_the_baseline_stays_below_80_percent_its_own_end_is_a_level_too():
    first, *fixed = levels(results("accuracy", 0.3, 0.6237), ACCURACY, "random")
    assert first.value == pytest.approx(0.623)
    assert first.origin == "{judge}'s final value"
    assert fixed == [Level(0.80), Level(0.90), Level(0.95)]


def test_errors_have_levels_on_the_baselines_own_way_rounded_to_the_easier_side():
    found = [level.value for level in levels(results("rmse", 80.0, 60.0, 53.21), RMSE, "random")]
    # half of the way from 80 to 53.21 is 66.605, four fifths 58.568
    assert found == [66.7, 58.6, 53.3]


def test_the_baseline_itself_reaches_its_final_value_in_the_median():
    for column, metric, ends in (("accuracy", ACCURACY, (0.5, 0.7)), ("rmse", RMSE, (50.0, 70.0))):
        table = pd.concat(
            [results(column, 0.1 if metric is ACCURACY else 90.0, end).assign(seed=n) for n, end in enumerate(ends)]
        )
        own = [level for level in levels(table, metric, "random") if "final" in level.origin]
        assert reach(learning_curves(table, metric, "random"), metric, own[0]).median.known


def test_a_baseline_that_never_improved_gives_its_final_error_as_the_only_level():
    assert [level.value for level in levels(results("rmse", 50.0, 55.0), RMSE, "random")] == [55.0]
    assert [level.value for level in levels(results("rmse", 0.0, 0.0), RMSE, "random")] == [0.0]


@given(st.floats(1e-6, 1e6))
def test_the_baseline_reaches_the_level_shown(final: float):
    level = levels(results("rmse", 2 * final, final), RMSE, "random")[-1]
    assert final <= level.value <= final * 1.0101
    assert float(f"{level.value:.3g}") == level.value


def test_the_sentences_are_about_the_highest_level_the_baseline_reached():
    def made(*medians: float) -> list[Reach]:
        return [Reach(Level(0.8), {0: exactly(m) if m < 999 else over(100)}) for m in medians]

    assert headline({"bald": made(20, 30, 40), "random": made(30, 60, 999)}, "random") == 1
    assert headline({"bald": made(20, 30, 40), "random": made(999, 999, 999)}, "random") == 2
    assert headline({"bald": made(999, 999), "random": made(999, 999)}, "random") == 0
