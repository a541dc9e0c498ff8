"""The statistics agree with tables worked by hand and with scipy's own paired test."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bayesal.bench.curves import METRICS, Curve, learning_curves, mean_curve, mean_over_budget, metrics_of
from bayesal.bench.statistics import compare, compare_all, difference_curve, holm, interval_of
from tests.bench.outcomes import classification, regression

ACCURACY, RMSE, NLL = METRICS
finite = st.floats(-100, 100, allow_subnormal=False)


def table(curves: dict[tuple[str, int], list[tuple[int, float]]], column: str = "accuracy") -> pd.DataFrame:
    return pd.DataFrame(
        {"method": method, "seed": seed, "round": number, "labels": labels, column: value}
        for (method, seed), points in curves.items()
        for number, (labels, value) in enumerate(points)
    )


def test_the_mean_over_the_budget_is_the_area_over_the_span():
    curve = Curve(np.array([10.0, 20.0, 40.0]), np.array([0.5, 0.7, 0.9]))
    assert mean_over_budget(curve, 10.0, 40.0) == pytest.approx((10 * 0.6 + 20 * 0.8) / 30)
    assert mean_over_budget(curve, 20.0, 30.0) == pytest.approx(0.75), "ends between measurements are taken as linear"
    assert mean_over_budget(curve, 20.0, 20.0) == pytest.approx(0.7)


@given(values=st.lists(finite, min_size=2, max_size=8), shift=finite)
def test_the_mean_over_the_budget_is_linear_in_the_curve(values: list[float], shift: float):
    labels = np.cumsum(np.arange(1.0, len(values) + 1))
    curve, moved = Curve(labels, np.array(values)), Curve(labels, np.array(values) + shift)
    start, end = float(labels[0]), float(labels[-1])
    assert mean_over_budget(moved, start, end) == pytest.approx(mean_over_budget(curve, start, end) + shift, abs=1e-9)
    assert min(values) - 1e-9 <= mean_over_budget(curve, start, end) <= max(values) + 1e-9


def test_the_interval_is_students_as_worked_by_hand():
    # 1 2 3 4 5: mean 3, s = 1.5811, s / √5 = 0.70711, t(0.975, 4) = 2.77645, half width 1.96325, t = 4.24264
    mean, low, high, p_value = interval_of(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert (mean, low, high) == pytest.approx((3.0, 1.03675, 4.96325), abs=1e-5)
    assert p_value == pytest.approx(0.013236, abs=1e-6)


@given(st.lists(st.tuples(finite, finite), min_size=2, max_size=12))
def test_the_interval_is_scipys_paired_test(pairs: list[tuple[float, float]]):
    ours, theirs = np.array(pairs).T
    differences = ours - theirs
    if np.std(differences) < 1e-6:
        differences = differences + np.arange(len(differences))
    scipys = stats.ttest_rel(differences, np.zeros(len(differences)))
    mean, low, high, p_value = interval_of(differences)
    assert (low, high) == pytest.approx(tuple(scipys.confidence_interval(0.95)), rel=1e-6, abs=1e-6)
    assert p_value == pytest.approx(scipys.pvalue, rel=1e-6, abs=1e-12)
    assert mean == pytest.approx(np.mean(differences))


def test_one_seed_has_no_interval_and_equal_differences_have_no_width():
    assert interval_of(np.array([0.3])) == (0.3, None, None, None)
    assert interval_of(np.zeros(4)) == (0.0, 0.0, 0.0, 1.0)
    assert interval_of(np.full(4, 2.0)) == (2.0, 2.0, 2.0, 0.0)


def test_holms_correction_as_worked_by_hand():
    # ordered .005 .01 .03 .04, times 4 3 2 1: .02 .03 .06 .04, and never falling: .02 .03 .06 .06
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.7, 0.6]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_holm_lies_between_no_correction_and_bonferronis(p_values: list[float]):
    adjusted = holm(p_values)
    for p_value, own in zip(p_values, adjusted, strict=True):
        assert p_value <= own <= min(1.0, p_value * len(p_values)) + 1e-12
    assert all(a <= b for _, a, b in _neighbours(p_values, adjusted))


def _neighbours(p_values: list[float], adjusted: list[float]):
    order = sorted(zip(p_values, adjusted, strict=True))
    return [(p, a, b) for (p, a), (_, b) in itertools.pairwise(order)]


def test_a_comparison_is_paired_by_seed():
    results = classification(images=False).results
    comparison = compare(results, ACCURACY, "batchbald", "random")
    assert comparison is not None
    areas = {
        method: [
            np.trapezoid(own["accuracy"], own["labels"]) / (own["labels"].max() - own["labels"].min())
            for _, own in results[results["method"] == method].groupby("seed")
        ]
        for method in ("batchbald", "random")
    }
    scipys = stats.ttest_rel(areas["batchbald"], areas["random"])
    low, high = scipys.confidence_interval(0.95)
    assert comparison.interval == pytest.approx(
        (np.mean(areas["batchbald"]) - np.mean(areas["random"]), low, high, scipys.pvalue)
    )
    assert comparison.seeds == [0, 1, 2, 3, 4]
    assert (comparison.start, comparison.end) == (20, 140)


def test_an_advantage_is_a_fall_where_lower_is_better():
    comparison = compare(regression().results, RMSE, "variance", "random")
    assert comparison is not None
    mean, low, high, p_value = comparison.interval
    assert low is not None
    assert high is not None
    assert high < 0
    assert comparison.advantage == (-mean, -high, -low, p_value)
    single = compare(regression(seeds=1).results, RMSE, "variance", "random")
    assert single is not None
    assert single.advantage == (-single.interval.mean, None, None, None)


def test_a_seed_that_stopped_early_is_left_out_not_shortened():
    results = classification(images=False).results
    cut = results[~((results["method"] == "bald") & (results["seed"] == 3) & (results["labels"] > 60))]
    comparison = compare(cut, ACCURACY, "bald", "random")
    assert comparison is not None
    assert (comparison.seeds, comparison.left_out, comparison.end) == ([0, 1, 2, 4], [3], 140)
    whole = compare(results, ACCURACY, "bald", "random")
    assert whole is not None
    assert comparison.values == pytest.approx(np.delete(whole.values, 3))


def test_methods_without_a_common_seed_are_not_compared():
    results = table({("bald", 0): [(10, 0.5), (20, 0.6)], ("random", 1): [(10, 0.5), (20, 0.6)]})
    assert compare(results, ACCURACY, "bald", "random") is None
    assert compare_all(results, ACCURACY, ["bald", "random"], "random") == []


def test_comparing_two_methods_adjusts_both_p_values():
    results = classification(images=False).results
    pair = compare_all(results, ACCURACY, ["batchbald", "bald", "random"], "random")
    raw = [comparison.interval.p_value for comparison in pair]
    assert [comparison.adjusted_p for comparison in pair] == pytest.approx(holm([p for p in raw if p is not None]))
    (alone,) = compare_all(results, ACCURACY, ["bald", "random"], "random")
    assert alone.adjusted_p == alone.interval.p_value


def test_the_difference_curve_is_paired_at_every_size():
    results = table(
        {
            ("bald", 0): [(10, 0.50), (20, 0.70)],
            ("bald", 1): [(10, 0.52), (20, 0.76)],
            ("random", 0): [(10, 0.50), (20, 0.60)],
            ("random", 1): [(10, 0.50), (20, 0.70)],
        }
    )
    comparison = compare(results, ACCURACY, "bald", "random")
    assert comparison is not None
    band = difference_curve(results, comparison)
    assert band.labels.tolist() == [10, 20]
    assert band.mean == pytest.approx([0.01, 0.08])
    interval = stats.ttest_rel([0.70, 0.76], [0.60, 0.70]).confidence_interval(0.95)
    assert (band.low[1], band.high[1]) == pytest.approx(tuple(interval))
    assert band.seeds.tolist() == [2, 2]


def test_the_mean_curve_counts_the_seeds_that_got_that_far():
    curves = [
        Curve(np.array([10.0, 20.0, 30.0]), np.array([0.1, 0.2, 0.6])),
        Curve(np.array([10.0, 20.0]), np.array([0.3, 0.4])),
    ]
    band = mean_curve(curves)
    assert band.mean == pytest.approx([0.2, 0.3, 0.6])
    assert band.low == pytest.approx([0.1, 0.2, 0.6])
    assert band.high == pytest.approx([0.3, 0.4, 0.6])
    assert band.seeds.tolist() == [2, 2, 1]


def test_rounds_that_were_not_measured_are_left_out_of_a_curve():
    results = table({("bald", 0): [(30, 0.7), (10, np.nan), (20, 0.6)], ("bald", 1): [(10, np.nan)]})
    curves = learning_curves(results, ACCURACY, "bald")
    assert list(curves) == [0]
    assert curves[0].labels.tolist() == [20, 30]
    assert curves[0].values.tolist() == [0.6, 0.7]


def test_of_two_rounds_with_equally_many_labels_the_later_counts():
    curves = learning_curves(table({("bald", 0): [(10, 0.5), (20, 0.6), (20, 0.65)]}), ACCURACY, "bald")
    assert curves[0].values.tolist() == [0.5, 0.65]


def test_the_first_metric_is_the_one_the_verdict_is_about():
    assert metrics_of(classification(images=False).results) == [ACCURACY, NLL]
    assert metrics_of(regression().results) == [RMSE, NLL]
    with pytest.raises(ValueError, match="none of the metrics accuracy, rmse, nll"):
        metrics_of(table({("bald", 0): [(10, np.nan)]}))
