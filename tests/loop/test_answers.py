import numpy as np
import pandas as pd
import pytest
import torch

from bayesal.loop.answers import align, check_complete

IDS = ["a", 7, "7"]


@pytest.mark.parametrize(
    "answers",
    [
        {"7": 2, "a": 0, 7: 1},
        {"7": 2, np.str_("a"): 0, np.int64(7): 1},
        [0, 1, 2],
        (0, 1, 2),
        np.array([0, 1, 2]),
        torch.tensor([0, 1, 2]),
        pd.Series([0, 1, 2], index=[5, 6, 7]),
    ],
)
def test_answers_are_aligned_with_the_ids_in_their_order(answers):
    aligned = align(IDS, answers)
    assert list(aligned) == IDS
    assert [int(answer) for answer in aligned.values()] == [0, 1, 2]


def test_vectors_are_answers_too():
    aligned = align(["a", "b"], torch.eye(2))
    assert aligned["b"].tolist() == [0.0, 1.0]


def test_none_is_an_answer_and_what_is_left_out_is_none():
    assert align(IDS, {"a": None}) == {"a": None}
    assert align(IDS, [0, None, 2]) == {"a": 0, 7: None, "7": 2}


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ({"a": 0, "b": 1}, "the oracle answered 'b', which it was not asked; it was asked 'a', 7, '7'"),
        ([0, 1], "the oracle was asked 3 ids but gave 2 answers; give one an id, None for what"),
        (np.zeros((2, 3)), "the oracle was asked 3 ids but gave 2 answers"),
        ("abc", r"answered with a str; expected \{id: label\}, or a list"),
        (None, "the oracle was asked 3 ids and answered with a NoneType"),
        (torch.tensor(3), "answered with a Tensor; expected"),
        (3, "answered with a int; expected"),
        ({1.5: 0}, "ids are integers or strings, but 1.5 is a float"),
    ],
)
def test_answers_that_do_not_fit_get_a_sentence(answers, sentence):
    with pytest.raises(ValueError, match=sentence):
        align(IDS, answers)


def test_silence_gets_a_sentence():
    check_complete(IDS, {"a": 0, 7: None, "7": 2})
    with pytest.raises(ValueError, match="the oracle left out 7, '7' of the 3 ids it was asked; what it answered is"):
        check_complete(IDS, {"a": 0})
