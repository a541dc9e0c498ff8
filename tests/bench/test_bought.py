"""Runs in which more than true labels of a balanced start is bought: first batches, strangers, annotators who err."""

from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from bayesal.bench import experiment
from bayesal.bench.choose import score, select
from bayesal.bench.config import configure
from bayesal.bench.experiment import run_experiment
from bayesal.bench.protocol import settle
from bayesal.bench.report import render
from bayesal.bench.results import Outcome, load
from bayesal.bench.situation import from_run
from bayesal.bench.tasks import Task, load_data, make_task
from bayesal.bench.verdict import verdict

TINY = {
    "data": "digits",
    "methods": ["bald"],
    "batch_size": 5,
    "initial": 10,
    "budget": 20,
    "pool_size": 120,
    "test_size": 60,
    "seeds": 2,
    "num_hypotheses": 4,
    "training": {"epochs": 2, "epoch_size": 64},
    "workers": 1,
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports take longer than these studies; the test that looks at one writes it."""
    monkeypatch.setattr(experiment, "write_report", lambda outcome, folder: None)


def run(out: Path, **settings) -> Outcome:
    return run_experiment(configure({**TINY, "out": str(out), **settings}), Console(file=StringIO()))[0]


def task(seed: int = 0, **settings) -> Task:
    wanted = configure({**TINY, **settings})
    return make_task(settle(wanted, load_data(wanted, 0)), seed)


@pytest.mark.parametrize("start", ["random", "typiclust", "kmeans"])
def test_every_method_of_a_seed_starts_with_the_same_batch(tmp_path: Path, start: str):
    outcome = run(tmp_path / "run", start=start)
    assert outcome.results.groupby(["method", "seed"])["labels"].apply(list).tolist() == [[10, 15, 20]] * 4
    asked = outcome.labels[outcome.labels["round"] == 0]
    for seed in (0, 1):
        own = [asked[(asked["method"] == name) & (asked["seed"] == seed)]["id"].tolist() for name in ("bald", "random")]
        assert own[0] == own[1]
        assert len(own[0]) == 10
    assert asked["score"].isna().all() == (start == "random")
    assert outcome.manifest["data"]["sizes"]["initial"] == 10


def test_amounts_can_start_at_random(tmp_path: Path):
    outcome = run(tmp_path / "run", data="diabetes", methods=["variance"], start="random", seeds=1)
    assert outcome.results["labels"].tolist() == [10, 15, 20] * 2


@pytest.mark.parametrize("posterior", ["ensemble", "laplace", "spn", "dirichlet-gp"])
def test_learners_know_classes_they_have_not_seen(tmp_path: Path, posterior: str):
    outcome = run(tmp_path / "run", start="random", initial=2, budget=3, batch_size=1, seeds=1, posterior=posterior)
    assert outcome.results["labels"].tolist() == [2, 3] * 2


def test_strangers_are_in_the_pool_only():
    given = task(strange=[0, 3])
    assert given.data.class_names == ("1", "2", "4", "5", "6", "7", "8", "9")
    assert given.data.labels is not None
    strange = ~given.data.known
    assert 0 < strange.sum() < len(given.pool)
    assert set(given.pool.labels.values()) == set(range(8))
    assert set(given.test.labels.tolist()) == set(range(8))
    assert given.targets is not None
    ids = given.data.ids[strange.numpy()].tolist()
    assert set(given.oracle(ids).values()) == {None}
    assert not set(ids) & set(given.pool.labels)
    whole = load_data(configure({"data": "digits"}), 0)
    truth = dict(zip(whole.ids.tolist(), whole.labels.tolist(), strict=True))
    assert {truth[i] for i in ids} == {0, 3}


def test_strangers_cost_answers_and_are_counted(tmp_path: Path):
    outcome = run(tmp_path / "run", strange=[0, 3, 5, 7], start="random", budget=40, batch_size=15)
    for (method, seed), study in outcome.results.groupby(["method", "seed"]):
        assert study["answers"].iloc[0] == 10
        assert study["answers"].iloc[-1] == 40
        own = outcome.labels[(outcome.labels["method"] == method) & (outcome.labels["seed"] == seed)]
        assert len(own) == 40
        strangers = int((own["label"] == -1).sum())
        assert 0 < strangers == 40 - study["labels"].iloc[-1]
    said = " ".join(verdict(outcome))
    mean = (outcome.labels["label"] == -1).groupby(outcome.labels["method"]).sum() / 2
    assert f"{mean['random']:.1f} by random" in said
    written = load(tmp_path / "run")
    assert written.labels["label"].tolist() == outcome.labels["label"].tolist()
    assert "no label" in render(written, tmp_path / "run")
    assert outcome.manifest["data"]["sizes"]["strange"] > 0


def test_a_last_batch_of_strangers_only_still_ends_the_curve_at_the_budget(tmp_path: Path):
    outcome = run(tmp_path / "run", strange=[1, 2, 3, 4, 5, 6, 7, 8], batch_size=2, budget=12, initial=4)
    ends = outcome.results.groupby(["method", "seed"])["answers"].max()
    assert set(ends) == {12}
    assert not np.isnan(outcome.results["accuracy"]).any()


def test_points_that_got_no_label_are_not_chosen_again_from_a_run(tmp_path: Path):
    outcome = run(tmp_path / "run", strange=[1, 2, 3, 4, 5, 6], methods=["entropy"], baseline=None, seeds=1)
    vain = set(outcome.labels[outcome.labels["label"] == -1]["id"])
    assert vain
    situation = from_run(tmp_path / "run", method=None, seed=None)
    assert f"; {len(vain)} got no label and are not asked again" in situation.note
    every = len(situation.pool) - len(situation.pool.labels) - len(vain)
    batch, _ = select(situation, "entropy", every, seed=0)
    assert not vain & set(batch["id"])
    assert not vain & set(score(situation, seed=0)["id"])


def test_annotators_err_at_their_rate_alike_for_every_method_and_differently_from_each_other():
    given = task(label_noise=0.3, repeat_answers=3, pool_size=1000)
    assert len(given.annotators) == 3
    wrong = np.array([[said[i] != given.answers[i] for i in given.answers] for said in given.annotators])
    assert (abs(wrong.mean(1) - 0.3) < 0.06).all()
    assert 0.05 < (wrong[0] & wrong[1]).mean() < 0.14
    assert given.pool.labels == {i: given.answers[i] for i in given.pool.labels}
    again = task(label_noise=0.3, repeat_answers=3, pool_size=1000, methods=["entropy"])
    assert again.annotators == given.annotators
    assert task(1, label_noise=0.3).annotators != task(2, label_noise=0.3).annotators


def test_a_majority_of_annotators_is_right_more_often_and_costs_their_answers(tmp_path: Path):
    once = run(tmp_path / "once", label_noise=0.3, budget=70, batch_size=30, methods=["random"], seeds=1)
    thrice = run(
        tmp_path / "thrice", label_noise=0.3, repeat_answers=3, budget=130, batch_size=30, methods=["random"], seeds=1
    )
    truth = task(label_noise=0.3).answers

    def share(outcome: Outcome) -> float:
        own = outcome.labels[outcome.labels["label"] >= 0]
        return float(np.mean([truth[i] == label for i, label in zip(own["id"], own["label"], strict=True)]))

    assert "answers" not in once.results
    assert share(once) < 0.85 < share(thrice)
    measured = thrice.results[thrice.results["seconds_learn"].notna()]
    assert 126 < measured["answers"].max() <= 130 == thrice.results["answers"].max()
    assert thrice.results["labels"].max() < 70


def test_near_duplicates_are_not_asked_for_by_any_method(tmp_path: Path):
    copies = {"repeat": 4, "noise": 0.01, "pool_size": 60, "budget": 30, "batch_size": 10}
    for similarity, alike in ((None, True), (0.98, False)):
        outcome = run(tmp_path / str(similarity), distinct=similarity, **copies)
        asked = [i.split("#")[0] for i in outcome.labels["id"][outcome.labels["method"] == "bald"]]
        assert (len(set(asked[:20])) < 20) == alike
        assert outcome.labels[outcome.labels["method"] == "random"]["score"].isna().all()
