"""Several annotators: everybody's answers are kept, the labels are what enough of them agree on."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesal.loop import Repeat, majority
from bayesal.testing import check_ledger
from tests.loop.toys import Uniform, ids_of, open_toy, oracle, truth


def wrong(ids: list) -> list:
    return [(truth(key) + 1) % 3 for key in ids]


def other(ids: list) -> list:
    return [(truth(key) + 2) % 3 for key in ids]


def nobody(ids: list) -> list:
    return [None] * len(ids)


@given(st.lists(st.sampled_from(["a", "b", 1, None]), max_size=9))
def test_the_majority_is_the_answer_given_most_often(answers: list):
    counts = Counter(answers).most_common(2)
    tied = not counts or (len(counts) == 2 and counts[0][1] == counts[1][1])
    assert majority(answers) == (None if tied else counts[0][0])


def test_labels_of_several_numbers_are_counted_too():
    assert majority([[0, 1], [1, 1], [0, 1]]) == [0, 1]
    assert majority([1, "1", True]) is None


def test_it_asks_until_enough_answers_coincide():
    asked: list[tuple[str, list]] = []

    def noting(name: str, answer):
        return lambda ids: asked.append((name, ids)) or answer(ids)

    says = Repeat({"ann": noting("ann", oracle), "bob": noting("bob", oracle), "cyd": noting("cyd", wrong)})
    assert says([1, 2]).labels == {1: truth(1), 2: truth(2)}
    assert [name for name, _ in asked] == ["ann", "bob"]
    asked.clear()
    says = Repeat({"ann": noting("ann", oracle), "bob": noting("bob", wrong)})
    assert says([1, 2]).labels == {1: truth(1), 2: truth(2)}
    assert [name for name, _ in asked] == ["ann", "bob", "ann"]
    asked.clear()
    says = Repeat({"ann": noting("ann", oracle), "bob": noting("bob", wrong)}, times=3, agree=3)
    assert says([1]).labels == {1: None}
    assert [name for name, _ in asked] == ["ann", "bob"]  # three can no longer agree


def test_where_they_do_not_agree_it_abstains_and_none_is_an_answer():
    assert Repeat({"ann": oracle, "bob": wrong, "cyd": other})([4]).labels == {4: None}
    assert Repeat({"ann": nobody, "bob": wrong, "cyd": nobody})([4]).labels == {4: None}
    assert Repeat({"ann": nobody, "bob": oracle, "cyd": oracle})([4]).labels == {4: truth(4)}


def test_every_answer_is_in_the_ledger_under_its_name(tmp_path: Path):
    with open_toy(tmp_path / "a") as study:
        study.run(Repeat({"ann": oracle, "bob": wrong, "cyd": oracle}), budget=20)
        assert study.labels == {key: truth(key) for key in ids_of(study)}
        told = [event for event in study._ledger.events() if event.kind == "told"]
        assert [event.by for event in told] == ["ann", "bob", "cyd", "majority"] * 2
        assert all(len(event.points) == 10 for event in told)
        assert study.rounds[-1].answers == 60
    check_ledger(tmp_path / "a" / "ledger.sqlite")


def test_points_without_agreement_are_skipped_though_everybody_gave_a_label(tmp_path: Path):
    def some(ids: list) -> list:
        return [truth(key) if isinstance(key, str) else (truth(key) + 2) % 3 for key in ids]

    with open_toy(tmp_path / "a", method=Uniform()) as study:
        study.run(Repeat({"ann": oracle, "bob": wrong, "cyd": some}), budget=12)
        assert study.labels == {key: truth(key) for key in study.labels}
        assert len(study.labels) == 12
        assert all(isinstance(key, str) for key in study.labels)
        assert all(isinstance(key, int) for key in study.skipped)
        assert len(study.skipped) > 3
        assert study.pending == []
    check_ledger(tmp_path / "a" / "ledger.sqlite")
    with open_toy(tmp_path / "b") as study:
        study.run(Repeat({"ann": nobody, "bob": nobody}, times=2), budget=6, batch_size=3, every_answer=True, first=1)
        assert len(study.skipped) == 3  # two answers each
        assert study.labels == {}


def test_a_budget_of_answers_is_never_exceeded(tmp_path: Path):
    with open_toy(tmp_path / "a") as study:
        reason = study.run(Repeat({"ann": oracle, "bob": oracle}), budget=20, batch_size=4, every_answer=True)
        assert len(study.labels) == 9  # 18 answers; a tenth might take three
        assert reason == "2 of the budget of 20 answers are left, and the next point may take 3 answers"
        assert study.rounds[-1].answers == 18


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"annotators": {}}, "there is no annotator to ask"),
        ({"annotators": {"ann": oracle}, "agree": 4}, "of 3 answers 4 cannot agree"),
        ({"annotators": {"ann": oracle}, "agree": 0}, "of 3 answers 0 cannot agree"),
        ({"annotators": {"majority": oracle}}, "'majority' is the name of what is agreed on and of an annotator"),
    ],
)
def test_impossible_policies_get_a_sentence(settings: dict, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        Repeat(**settings)


def test_an_annotator_who_leaves_points_out_is_told_and_nothing_is_recorded(tmp_path: Path):
    with open_toy(tmp_path / "a") as study:
        with pytest.raises(ValueError, match="left out"):
            study.run(Repeat({"ann": oracle, "bob": lambda ids: {ids[0]: 1}}), budget=10)
        assert study.labels == {}
        study.run(Repeat({"ann": oracle, "bob": oracle}), budget=10)
        assert len(study.labels) == 10
