"""A budget is never exceeded: of labels, of answers, or of whatever points cost; and a first batch has its own size."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import bayesal as bal
from bayesal.loop.spending import Spending
from bayesal.loop.standing import Standing
from tests.loop.toys import N, Uniform, ids_of, names, open_toy, oracle, truth

COSTS = {key: 1 + number % 3 for number, key in enumerate(names())}


def only_text(ids: list) -> list:
    """Nobody can label what has a number for a name."""
    return [truth(key) if isinstance(key, str) else None for key in ids]


def standing(labels: dict | None = None, answers: dict | None = None) -> Standing:
    return Standing(labels or {}, [], [], known="", round=0, fitted=False, asks=0, answers=answers or {})


def test_the_first_batch_has_its_own_size(tmp_path: Path):
    with open_toy(tmp_path / "a") as study:
        study.run(oracle, budget=26, batch_size=4, first=20)
        assert [round_.labels for round_ in study.rounds] == [20, 24, 26]
        assert [round_.answers for round_ in study.rounds] == [20, 24, 26]


def test_all_methods_of_a_seed_start_with_the_same_batch(tmp_path: Path):
    starts = []
    for name, method in (("toy", None), ("uniform", Uniform())):
        changes = {} if method is None else {"method": method}
        with open_toy(tmp_path / name, **changes) as study:
            study.run(oracle, budget=30, batch_size=5, first=20)
            starts.append(ids_of(study)[:20])
    assert starts[0] == starts[1]


def test_skips_are_free_unless_every_answer_costs(tmp_path: Path):
    with open_toy(tmp_path / "free", method=Uniform()) as study:
        study.run(only_text, budget=30)
        assert len(study.labels) == 30
        assert len(study.skipped) > 5
    with open_toy(tmp_path / "costly", method=Uniform()) as study:
        assert study.run(only_text, budget=30) == "the budget of 30 labels is spent"
    with open_toy(tmp_path / "each", method=Uniform()) as study:
        reason = study.run(only_text, budget=33, every_answer=True)
        assert reason == "the budget of 33 answers is spent"
        assert len(study.labels) + len(study.skipped) == 33
        assert study.rounds[-1].answers == 30  # nothing of the last three could be labelled


def test_batches_in_which_nothing_can_be_labelled_cost_their_answers_and_teach_nothing(tmp_path: Path):
    with open_toy(tmp_path / "a") as study:
        reason = study.run(lambda ids: [None] * len(ids), budget=35, batch_size=10, first=12, every_answer=True)
        assert reason == "the budget of 35 answers is spent"
        assert len(study.skipped) == 35
        assert study.rounds == []
    answers = iter([[1] * 10, [None] * 10, [None] * 10, [2] * 5])
    with open_toy(tmp_path / "b") as study:
        study.run(lambda ids: next(answers), budget=35, every_answer=True)
        assert [(round_.labels, round_.answers) for round_ in study.rounds] == [(10, 10), (15, 35)]


def test_labels_given_with_the_pool_are_answers_that_were_not_bought(tmp_path: Path):
    pool = bal.Pool.of(torch.linspace(-1, 1, N).unsqueeze(1), ids=names(), labels={5: 1, "6": 2}, progress=False)
    with open_toy(tmp_path / "a", pool=pool, method=Uniform()) as study:
        study.run(only_text, budget=20, every_answer=True)
        assert [round_.answers for round_ in study.rounds] == [2, 12, 22]


def test_a_budget_in_units_of_cost_is_never_exceeded(tmp_path: Path):
    with open_toy(tmp_path / "a", method=Uniform()) as study:
        reason = study.run(oracle, budget=40.5, batch_size=7, costs=COSTS)
        spent = sum(COSTS[key] for key in study.labels)
        assert spent <= 40.5
        assert "of the budget of 40.5 are left, and the next point costs more" in reason
        assert reason.startswith(f"{40.5 - spent:g} of")
        before = ids_of(study)
        assert study.run(oracle, budget=40.5, batch_size=7, costs=COSTS) == reason
        assert ids_of(study) == before
    with open_toy(tmp_path / "exact", method=Uniform()) as study:
        assert study.run(oracle, budget=0.7, costs=dict.fromkeys(names(), 0.1)) == "the budget of 0.7 is spent"
        assert len(study.labels) == 7


def test_a_run_in_costs_continues_as_if_it_had_not_been_interrupted(tmp_path: Path):
    with open_toy(tmp_path / "whole") as whole:
        whole.run(oracle, budget=60, costs=COSTS)
        expected = ids_of(whole)

    def broken(ids: list) -> None:
        raise RuntimeError("gone")

    with open_toy(tmp_path / "parts") as parts, pytest.raises(RuntimeError, match="gone"):
        parts.run(broken, budget=60, costs=COSTS)
    with open_toy(tmp_path / "parts") as parts:
        parts.run(oracle, budget=60, costs=COSTS)
        assert ids_of(parts) == expected


@pytest.mark.parametrize(
    ("costs", "sentence"),
    [
        ({**COSTS, 3: 0}, "the cost of 3 is 0; a cost is a finite number above 0"),
        ({**COSTS, "3": float("nan")}, "the cost of '3' is nan"),
        ({key: cost for key, cost in COSTS.items() if key != 7}, "the costs leave out 7; give every point"),
    ],
)
def test_costs_that_are_none_get_a_sentence(tmp_path: Path, costs: dict, sentence: str):
    with open_toy(tmp_path / "a") as study, pytest.raises(ValueError, match=sentence):
        study.run(oracle, budget=20, costs=costs)


@given(costs=st.lists(st.integers(1, 9), min_size=1, max_size=12), budget=st.integers(0, 40), times=st.integers(1, 3))
def test_the_longest_beginning_that_is_paid_for_is_bought(costs: list[int], budget: int, times: int):
    spending = Spending(budget, dict(enumerate(costs)), times=times)
    paid = spending.affordable(range(len(costs)), standing())
    assert times * sum(costs[:paid]) <= budget
    assert paid == len(costs) or times * sum(costs[: paid + 1]) > budget


def test_the_next_point_may_take_several_answers():
    asked = standing({1: 0, 2: 0}, {1: 2, 2: 3, 3: 3})
    spending = Spending(14, every_answer=True, times=3)
    assert spending.spent(asked) == 8
    assert spending.batch(10, asked) == 2
    assert Spending(14).spent(asked) == 2
