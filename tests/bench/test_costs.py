"""Runs in which labels have prices: what is bought, and what it is told to have cost."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from rich.console import Console

from bayesal.bench import experiment
from bayesal.bench.bought import check_budget
from bayesal.bench.choose import select
from bayesal.bench.config import configure
from bayesal.bench.experiment import run_experiment
from bayesal.bench.folder import read_run
from bayesal.bench.protocol import settle
from bayesal.bench.report import render
from bayesal.bench.results import COSTS, Outcome, load
from bayesal.bench.situation import from_data, from_run
from bayesal.bench.tasks import load_data
from bayesal.bench.verdict import verdict
from bayesal.loop.ledger import Ledger

CHEAP, DEAR = 0.5, 4.5
TINY = {
    "methods": ["margin"],
    "cost": "price",
    "batch_size": 5,
    "initial": 4,
    "budget": 50.5,
    "seeds": 2,
    "num_hypotheses": 3,
    "training": {"epochs": 1, "epoch_size": 64},
    "workers": 1,
}


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """Reports take longer than these studies; the test that looks at one writes it."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(experiment, "write_report", lambda outcome, folder: None)
        yield


def frame() -> pd.DataFrame:
    """Every point is there twice, once cheap and once dear: nothing but the price tells them apart."""
    draws = np.random.default_rng(0).normal(size=(60, 2)).repeat(2, 0)
    kinds = np.where(draws[:, 0] + draws[:, 1] > 0, "up", "down")
    shown = {"id": [f"p{i}" for i in range(120)], "x": draws[:, 0], "z": draws[:, 1], "label": kinds}
    return pd.DataFrame({**shown, "price": np.tile([CHEAP, DEAR], 60)})


@pytest.fixture
def table(tmp_path: Path) -> Path:
    frame().to_csv(tmp_path / "twice.csv", index=False)
    return tmp_path / "twice.csv"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, quick: None) -> tuple[Outcome, Path]:
    """A run and its table; it is in the folder ``run`` beside it."""
    table = tmp_path_factory.mktemp("whole") / "twice.csv"
    frame().to_csv(table, index=False)
    return run(table), table


def run(table: Path, out: str = "run", said: StringIO | None = None, **settings) -> Outcome:
    wanted = configure({**TINY, "data": str(table), "out": str(table.parent / out), **settings})
    return run_experiment(wanted, Console(file=said or StringIO(), width=200))[0]


def prices_of(ids: Any) -> list[float]:
    return frame().set_index("id")["price"].loc[list(ids)].tolist()


def test_scores_per_cost_buy_what_is_cheap_and_no_budget_is_exceeded(whole: tuple[Outcome, Path]):
    outcome, _ = whole
    assert list(outcome.results.columns[:5]) == ["method", "seed", "round", "labels", "cost"]
    for (method, seed), study in outcome.results.groupby(["method", "seed"]):
        own = outcome.labels[(outcome.labels["method"] == method) & (outcome.labels["seed"] == seed)]
        asked = [sum(prices_of(own["id"][own["round"] < round_])) for round_ in study["round"]]
        first = study["cost"].iloc[0]
        assert first in (4 * CHEAP, 3 * CHEAP + DEAR, 2 * CHEAP + 2 * DEAR, CHEAP + 3 * DEAR, 4 * DEAR)
        learned = study["seconds_learn"].notna()
        np.testing.assert_allclose(study["cost"][learned], (first + np.array(asked))[learned])
        assert study["cost"][learned].max() <= 50.5 == study["cost"].iloc[-1]
        assert (np.diff(study["cost"]) > 0).all()
        assert len(own) == study["labels"].iloc[-1] - 4
    dear = {name: np.mean(np.array(prices_of(own["id"])) == DEAR) for name, own in outcome.labels.groupby("method")}
    assert dear["margin"] < 0.1 < 0.3 < dear["random"]
    cheap = outcome.labels[outcome.labels["method"] == "margin"].groupby("seed").head(20)
    assert set(prices_of(cheap["id"])) == {CHEAP}


def test_where_all_labels_cost_1_a_run_is_the_same_as_without_costs(table: Path):
    frame().assign(price=1).to_csv(table, index=False)
    priced = run(table, budget=20, seeds=1)
    assert priced.results["cost"].tolist() == priced.results["labels"].tolist()
    frame().drop(columns="price").to_csv(table, index=False)
    plain = run(table, "plain", cost=None, budget=20, seeds=1)
    assert plain.labels["id"].tolist() == priced.labels["id"].tolist()
    assert "cost" not in plain.results


def test_a_killed_run_continues_to_the_same_end(whole: tuple[Outcome, Path], monkeypatch: pytest.MonkeyPatch):
    outcome, table = whole
    fitted = Ledger.fitted
    calls = iter(range(100))

    def dies(self: Ledger, *given: Any, **more: Any) -> bool:
        if next(calls) == 5:
            raise KeyboardInterrupt
        return fitted(self, *given, **more)

    monkeypatch.setattr(Ledger, "fitted", dies)
    with pytest.raises(KeyboardInterrupt):
        run(table, "killed")
    monkeypatch.undo()
    again = run(table, "killed")
    measured = [one.results.drop(columns=list(COSTS)) for one in (outcome, again)]
    pd.testing.assert_frame_equal(*measured, check_exact=True)
    texts = [(table.parent / name / "labels.csv").read_text() for name in ("run", "killed")]
    assert texts[0] == texts[1]


def test_a_finished_run_with_money_left_is_not_run_again(whole: tuple[Outcome, Path]):
    outcome, table = whole
    ledgers = {path: path.stat().st_mtime_ns for path in (table.parent / "run").rglob("ledger.sqlite")}
    said = StringIO()
    pd.testing.assert_frame_equal(run(table, said=said).results, outcome.results)
    assert {path: path.stat().st_mtime_ns for path in (table.parent / "run").rglob("ledger.sqlite")} == ledgers
    assert said.getvalue().count("units spent, accuracy") == 4


def test_a_method_that_does_not_look_at_prices_is_named_before_and_in_the_notes(table: Path):
    said = StringIO()
    outcome = run(table, said=said, methods=["batchbald", "margin"], seeds=1, budget=30)
    sentence = "BatchBALD does not look at what labels cost: it chooses as if all cost the same."
    assert said.getvalue().count("does not look") == 1
    assert sentence in said.getvalue()
    assert [note for note in outcome.manifest["notes"] if "look" in note] == [sentence]


def test_reports_speak_of_units_spent(whole: tuple[Outcome, Path]):
    outcome, table = whole
    sentences = verdict(outcome)
    assert "units spent" in sentences[0]
    assert "units spent are medians over seeds and count the initial labels" in sentences[-1]
    page = render(load(table.parent / "run"), table.parent / "run")
    assert "Units needed" in page
    assert "accuracy against units spent" in page
    assert "Labels needed" not in page
    assert "Units to reach a level" in page


def test_answers_that_give_no_label_are_paid_too(table: Path):
    shown = frame()
    shown.loc[(shown["x"] > 0) & (shown["label"] == "up"), "label"] = "odd"
    shown.to_csv(table, index=False)
    outcome = run(table, strange=[1], budget=60, seeds=1)
    for method, study in outcome.results.groupby("method"):
        own = outcome.labels[outcome.labels["method"] == method]
        assert (own["label"] == -1).any()
        bought = own[own["round"] < study["round"].iloc[-2]]
        assert study["cost"].iloc[-2] == pytest.approx(study["cost"].iloc[0] + sum(prices_of(bought["id"])))
        assert study["cost"].max() == 60
        assert study["answers"].iloc[-2] == 4 + len(bought)
    assert "Every answer counts" in verdict(outcome)[-1]


def test_each_of_several_annotators_is_paid(table: Path):
    outcome = run(table, repeat_answers=3, budget=100, seeds=1, methods=["random"])
    measured = outcome.results[outcome.results["seconds_learn"].notna()]
    first = outcome.labels[outcome.labels["round"] == 0]
    assert measured["cost"].iloc[1] - measured["cost"].iloc[0] == 2 * sum(prices_of(first["id"]))  # two agree
    assert measured["cost"].max() <= 100


def test_the_initial_labels_may_be_chosen_and_are_paid(table: Path):
    outcome = run(table, start="random", seeds=1)
    first = outcome.results[outcome.results["round"] == 1]
    assert (first["cost"] == sum(prices_of(outcome.labels["id"][:4]))).all()
    assert outcome.results["labels"].min() == 4


def test_only_points_that_may_be_asked_for_need_a_price(table: Path):
    wanted = configure({**TINY, "data": str(table), "seeds": 1})
    pool = set(load_data(wanted, 0).ids.tolist())
    shown = frame()
    shown.loc[~shown["id"].isin(pool), "price"] = None
    shown.to_csv(table, index=False)
    assert run(table, seeds=1).results["cost"].max() == 50.5
    key = sorted(pool)[0]
    shown.loc[shown["id"] == key, "price"] = None
    shown.to_csv(table, index=False)
    with pytest.raises(ValueError, match=f"'price' of twice is empty for the point '{key}'"):
        run(table, "other", seeds=1)


@pytest.mark.parametrize(
    ("budget", "sentence"),
    [
        (1, r"the 4 initial labels of seed 0 cost \d+, which the budget of 1 includes but does not pay"),
        (900, r"the budget of 900 exceeds what all 84 labels of the pool of seed 0 cost, \d+; lower --budget"),
    ],
)
def test_a_budget_that_does_not_fit_the_prices_gets_a_sentence(table: Path, budget: float, sentence: str):
    wanted = configure({**TINY, "data": str(table), "budget": budget})
    with pytest.raises(ValueError, match=sentence):
        check_budget(settle(wanted, load_data(wanted, 0)))


@pytest.mark.parametrize("smoke", [False, True])
def test_what_is_left_open_is_settled_in_the_units_of_the_costs(table: Path, smoke: bool):
    wanted = configure({"data": str(table), "cost": "price", "smoke": smoke})
    settled = settle(wanted, load_data(wanted, 0))
    assert settled.methods == ("bald",)
    check_budget(settled)
    assert settle(settled, load_data(settled, 0)) == settled
    assert configure({"data": "my.csv", "cost": "price", "budget": 2.5}).budget == 2.5
    with pytest.raises(ValueError, match=r"the budget of 2\.5 labels must be a whole number, unless there is a cost"):
        configure({"data": "digits", "budget": 2.5})


def test_a_batch_to_label_next_says_what_it_costs(table: Path):
    shown = frame()
    shown.loc[30:, "label"] = None
    shown.loc[:20, "price"] = None  # what is labelled already need not have a price
    shown.to_csv(table, index=False)
    settings = {"data": str(table), "cost": "price", "num_hypotheses": 3, "training": TINY["training"]}
    situation = from_data(configure(settings), seed=0)
    batch, notes = select(situation, "bald", 4, seed=0)
    assert batch["cost"].tolist() == [CHEAP] * 4
    assert "the labels of this batch cost 2 in all" in notes
    assert not any("does not look" in note for note in notes)
    batch, notes = select(situation, "batchbald", 4, seed=0)
    assert batch["cost"].tolist() == prices_of(batch["id"])
    assert "BatchBALD does not look at what labels cost: it chooses as if all cost the same" in notes
    shown.loc[40, "price"] = None
    shown.to_csv(table, index=False)
    with pytest.raises(ValueError, match="'price' of twice is empty for the point 'p40'"):
        from_data(configure(settings), seed=0)


def test_a_study_of_a_run_with_costs_can_be_asked_further(whole: tuple[Outcome, Path]):
    _, table = whole
    batch, _ = select(from_run(table.parent / "run", method="margin", seed=0), "margin", 3, seed=0)
    assert batch["cost"].tolist() == prices_of(batch["id"])


def test_folders_written_before_there_were_costs_are_read(table: Path):
    run(table, seeds=1, cost=None, budget=10)
    path = table.parent / "run" / "config.yaml"
    settings = yaml.safe_load(path.read_text())
    assert settings.pop("cost", "missing") is None
    assert settings["budget"] == 10
    path.write_text(yaml.safe_dump(settings))
    assert read_run(table.parent / "run").cost is None
