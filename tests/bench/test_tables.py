"""The tables of a report hold the numbers they say they hold."""

import numpy as np
import pytest

from bayesal.bench.results import Outcome
from bayesal.bench.tables import costs, labels_needed, means
from bayesal.bench.verdict import judge
from tests.bench.outcomes import classification


@pytest.fixture(scope="module")
def made() -> Outcome:
    return classification(seeds=3, rounds=6, images=False)


def test_means_over_the_budget_are_trapezoids_over_finished_seeds(made: Outcome):
    results = made.results[
        ~((made.results["seed"] == 1) & (made.results["method"] == "bald") & (made.results["round"] > 2))
    ]
    cut = Outcome(made.config, results, made.labels, made.manifest)
    table = dict(means(cut, judge(cut))[0][1].rows)
    own = results[(results["method"] == "bald") & (results["seed"] != 1)]
    areas = [np.trapezoid(seed["accuracy"], seed["labels"]) / 50 for _, seed in own.groupby("seed")]
    ends = own[own["labels"] == 70]["accuracy"]
    assert [cell.text for cell in table["BALD"][:2]] == [f"{100 * np.mean(areas):.1f} %", f"{100 * ends.mean():.1f} %"]
    assert table["BALD"][3].text == "2", "the difference rests on two seeds"
    assert table["random"][2].notes == ("the baseline",)


def test_labels_needed_are_medians_with_their_range_and_what_they_save(made: Outcome):
    table = labels_needed(judge(made))
    assert table.head[-3:] == ["80 %", "90 %", "95 %"]
    own = made.results[(made.results["method"] == "batchbald") & (made.results["accuracy"] >= 0.8)]
    counts = own.groupby("seed")["labels"].min()
    cell = dict(table.rows)["BatchBALD"][table.head.index("80 %") - 1]
    assert cell.text == f"{np.median(counts):g}"
    assert any(note.startswith("saved: ") for note in cell.notes)


def test_costs_are_medians_over_rounds_with_the_longest_beside_them(made: Outcome):
    table = costs(made)
    assert table is not None
    own = made.results[made.results["method"] == "batchbald"]
    learn, select, evaluate, spent, peak = dict(table.rows)["BatchBALD"]
    assert learn.text == f"{own['seconds_learn'].median():.3g}"
    assert learn.notes == (f"at most {own['seconds_learn'].max():.3g}",)
    assert (select.text, evaluate.text) == ("0.9", "0.05")
    total = own[own["seed"] == 0][["seconds_learn", "seconds_select", "seconds_evaluate"]].sum().sum()
    assert spent.text == f"{total:.3g}"
    assert peak.text == f"{own['peak_memory_mib'].max():.0f}"


def test_costs_that_were_not_measured_make_no_table(made: Outcome):
    bare = made.results[["method", "seed", "round", "labels", "accuracy"]]
    assert costs(Outcome(made.config, bare, made.labels, made.manifest)) is None
    half = bare.assign(seconds_learn=1.0, seconds_select=None)
    table = costs(Outcome(made.config, half, made.labels, made.manifest))
    assert table is not None
    assert table.head == ["method", "learn, s a round", "all rounds, s a seed"]
