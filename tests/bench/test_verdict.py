"""The verdict says what was found, and as plainly where nothing or the opposite was found."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bayesal.bench.curves import METRICS
from bayesal.bench.reach import Bounds, Level
from bayesal.bench.results import ASKED, Outcome
from bayesal.bench.verdict import Finding, finding, judge, verdict
from bayesal.bench.wording import begin, listed, spell, tell, tell_difference, tell_level, tell_p, tell_saved
from tests.bench.outcomes import classification, regression

ACCURACY, RMSE, NLL = METRICS
GRID = ((20, 0.80), (58, 0.87), (96, 0.901))
SPREAD = (-2, -1, 0, 1, 2)


def outcome(lead: dict[str, Callable[[int], float]], seeds: int = 5, column: str = "accuracy", grid=GRID) -> Outcome:
    """Curves on a fixed grid; every method leads the baseline's by ``lead(seed)`` at every size."""
    rows = [
        {"method": method, "seed": seed, "round": number, "labels": labels, column: value + ahead(seed)}
        for method, ahead in lead.items()
        for seed in range(seeds)
        for number, (labels, value) in enumerate(grid)
    ]
    return Outcome({"baseline": "random"}, pd.DataFrame(rows), pd.DataFrame(columns=list(ASKED)), {})


def level(seed: int) -> float:
    return 0.0


def leads(mean: float, half: float) -> Callable[[int], float]:
    """Leads of five seeds with this mean and this half width of Student's 95 % interval."""
    return lambda seed: mean + SPREAD[seed] * half / 1.96325


def test_a_better_method_is_told_as_in_the_readme():
    made = outcome({"batchbald": leads(0.0313, 0.0123), "random": level})
    assert verdict(made) == [
        "BatchBALD reached 90 % with 58 labels, random with 96; "
        "difference +3.1 points [1.9, 4.4] mean accuracy over the budget.",
        "Differences are paired over 5 seeds, with 95 % intervals; labels are medians over seeds and count the "
        "initial ones and the whole batch that reached the level.",
    ]


def test_no_difference_is_told_as_plainly():
    made = outcome({"bald": leads(0.004, 0.014), "random": level})
    assert verdict(made)[0] == (
        "No difference from random could be shown for BALD: it reached 90 % with 96 labels (in 3 of 5 seeds), "
        "random with 96; difference +0.4 points [−1.0, 1.8] mean accuracy over the budget."
    )


def test_worse_is_told_as_plainly():
    made = outcome({"bald": leads(-0.02, 0.01), "random": level})
    assert verdict(made)[0] == (
        "BALD was worse than random: it did not reach 90 % within 96 labels, random did with 96; "
        "difference −2.0 points [−3.0, −1.0] mean accuracy over the budget."
    )


@pytest.mark.parametrize(("mean", "word"), [(0.03, "ahead of"), (-0.03, "behind")])
def test_a_difference_that_the_number_of_comparisons_explains_is_not_claimed(mean: float, word: str):
    lucky = leads(mean, 0.028)  # p is just under 0.05 alone, and over it when three methods were tried
    made = outcome({"bald": lucky, "entropy": leads(0.0, 0.02), "margin": leads(0.001, 0.02), "random": level})
    first, *_, footing = verdict(made)
    assert f"BALD was {word} random, but no difference could be shown once all 3 comparisons are counted" in first
    assert "Holm: p = 0.1" in first
    assert footing.endswith("3 methods were compared, so p-values are Holm's: p = 0.12 for BALD, p = 1.00 for entropy and p = 1.00 for margin.")  # fmt: skip  # noqa: E501
    assert verdict(outcome({"bald": lucky, "random": level}))[0].startswith("BALD ") is True


def test_one_seed_has_no_interval_and_says_so():
    made = outcome({"batchbald": lambda _: 0.0313, "random": level}, seeds=1)
    first, footing = verdict(made)
    assert first == (
        "One seed cannot show whether BatchBALD beats random: it reached 90 % with 58 labels, random with 96; "
        "difference +3.1 points mean accuracy over the budget, without an interval."
    )
    assert footing.startswith("Run at least 5 seeds")


def test_without_a_baseline_nothing_is_claimed():
    first, second, footing = verdict(outcome({"batchbald": lambda _: 0.04, "bald": level}))
    assert first == "BatchBALD reached 90 % with 58 labels."
    assert second == "BALD reached 90 % with 96 labels."
    assert "nothing can be said about whether this beats asking at random" in footing


def test_a_run_of_the_baseline_alone_has_nothing_to_compare():
    first, footing = verdict(outcome({"random": level}))
    assert first == "Random reached 90 % with 96 labels."
    assert footing == "Only random was run, so there is nothing to compare it with."


def test_a_level_only_one_side_reached_is_told():
    hard = ((20, 0.3), (58, 0.5), (96, 0.6))
    first = verdict(outcome({"bald": lambda s: 0.05 + s / 1000, "random": lambda s: 0.0}, grid=hard))[0]
    assert first.startswith("BALD reached 60 % with 96 labels, random with 96;"), "random's own end is the level"
    slow = ((20, 0.3), (58, 0.5), (96, 0.85))
    made = outcome({"bald": lambda s: 0.06 + s / 1000, "random": lambda s: 0.0}, grid=slow)
    assert verdict(made)[0].startswith("BALD reached 80 % with 96 labels, random with 96;")


def test_for_errors_lower_is_better_and_said():
    first = verdict(regression())[0]
    assert first.startswith("Variance reached RMSE ")
    assert first.endswith(" mean RMSE over the budget (lower is better).")
    assert "difference −" in first
    worse = verdict(regression(faster=0.6))[0]
    assert worse.startswith("Variance was worse than random: it did not reach RMSE ")
    assert "difference +" in worse


def test_an_unfinished_run_is_compared_over_what_it_has():
    whole = classification(images=False)
    cut = replace(whole, results=whole.results[whole.results["labels"] <= 60])
    assert "mean accuracy over the first 60 labels (unfinished)" in verdict(cut)[0]


def test_methods_that_share_no_seed_are_not_compared():
    rows = [("bald", 0, 0.9), ("random", 1, 0.9)]
    results = pd.DataFrame(
        [{"method": m, "seed": s, "round": r, "labels": 10 + 10 * r, "accuracy": a} for m, s, a in rows for r in (0, 1)]
    )
    made = Outcome({}, results, pd.DataFrame(columns=list(ASKED)), {})
    assert verdict(made)[0] == "BALD and random share no measured seed, so they cannot be compared."


def test_the_findings_follow_the_interval():
    judged = judge(classification(images=False))
    batchbald = judged.comparison("batchbald")
    assert batchbald is not None
    assert finding(batchbald) is Finding.BETTER
    assert judged.others == ["batchbald", "bald"]


def test_names_are_spelled_as_their_papers_do():
    assert [spell(name) for name in ("batchbald", "least_confidence", "mine:my_score")] == [
        "BatchBALD",
        "least confidence",
        "mine:my_score",
    ]
    assert [begin(name) for name in ("random is", "k-BALD is", "mine:score is")] == ["Random is", "k-BALD is", "mine:score is"]  # fmt: skip  # noqa: E501
    assert [listed(list(names)) for names in ("", "a", "ab", "abc")] == ["", "a", "a and b", "a, b and c"]


def test_numbers_are_told_in_their_unit():
    assert tell(0.9134, ACCURACY) == "91.3 %"
    assert [tell(value, RMSE) for value in (0.41234, 55.21, 5312.4, -0.5, 200.0)] == ["0.412", "55.2", "5312", "−0.500", "200"]  # fmt: skip  # noqa: E501
    assert tell_level(Level(0.9), ACCURACY) == "90 %"
    assert tell_level(Level(0.623), ACCURACY) == "62.3 %"
    assert tell_level(Level(55.2), RMSE) == "RMSE 55.2"
    assert [tell_p(p) for p in (0.0001, 0.0074, 0.034, 0.1, 0.5)] == ["p < 0.001", "p = 0.007", "p = 0.03", "p = 0.10", "p = 0.50"]  # fmt: skip  # noqa: E501


def test_no_end_of_an_interval_is_rounded_onto_zero():
    assert tell_difference(0.0313, 0.019, 0.0436, ACCURACY) == "+3.1 points [1.9, 4.4]"
    assert tell_difference(0.015, 0.0002, 0.0298, ACCURACY) == "+1.50 points [0.02, 2.98]"
    assert tell_difference(-2.31, -3.5, -1.12, RMSE) == "−2.3 [−3.5, −1.1]"
    assert tell_difference(0.0, 0.0, 0.0, RMSE) == "0 [0, 0]"
    assert tell_difference(-0.0001, None, None, ACCURACY) == "−0.01 points"


def test_labels_saved_are_told_as_what_is_known():
    inf = np.inf
    told = {
        (38.0, 38.0): "38",
        (-12.0, -12.0): "−12",
        (42.0, inf): "at least 42",
        (-inf, -12.0): "at most −12",
        (30.0, 40.0): "30 to 40",
        (-inf, inf): "not known",
    }
    assert {bounds: tell_saved(Bounds(*bounds)) for bounds in told} == told
