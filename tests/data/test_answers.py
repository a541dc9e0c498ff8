import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesal.data.answers import read_answers, read_rows_of_answers


@settings(deadline=None)
@given(st.lists(st.sampled_from(["cat", "dog", "owl", None]), min_size=1).filter(any))
def test_words_are_classes_in_the_order_of_their_names(words):
    answers = read_answers(pd.Series(words, dtype=object), "it", None)
    names = sorted({word for word in words if word})
    assert answers.class_names == tuple(names)
    assert answers.labels.tolist() == [-1 if word is None else names.index(word) for word in words]
    assert answers.kind == "classification"


@pytest.mark.parametrize(
    ("values", "codes", "names"),
    [
        (pd.Series([10, 2, 2]), [1, 0, 0], ("2", "10")),
        (pd.Series([10, None, 2], dtype="Int64"), [1, -1, 0], ("2", "10")),
        (pd.Series([True, False, True]), [1, 0, 1], ("False", "True")),
        (pd.Series([True, None], dtype="boolean"), [0, -1], ("True",)),
        (pd.Series(["b", "a"], dtype="string"), [1, 0], ("a", "b")),
        (pd.Series(pd.Categorical(["b", None, "a"])), [1, -1, 0], ("a", "b")),
        (pd.Series(pd.Categorical([3, 1])), [1, 0], ("1", "3")),
    ],
)
def test_integers_booleans_and_words_are_classes(values, codes, names):
    answers = read_answers(values, "it", None)
    assert (answers.labels.tolist(), answers.class_names, answers.kind) == (codes, names, "classification")
    assert answers.labels.dtype == torch.int64


def test_numbers_with_a_decimal_point_are_amounts():
    answers = read_answers(pd.Series([0.5, np.nan, 2.0]), "it", None)
    assert answers.kind == "regression"
    assert answers.labels.nan_to_num(-9).tolist() == [0.5, -9, 2]
    assert answers.labels.dtype == torch.float32
    assert answers.note == "it: read as amounts (amounts; task= overrides), 1 of 3 not labelled"


def test_the_task_overrides_the_rule():
    classes = read_answers(pd.Series([1.0, 0.0, np.nan]), "it", "classification")
    assert (classes.class_names, classes.labels.tolist()) == (("0", "1"), [1, 0, -1])
    amounts = read_answers(pd.Series([3, None, 5], dtype="Int64"), "it", "regression")
    assert amounts.labels.nan_to_num(-9).tolist() == [3, -9, 5]
    assert read_answers(pd.Series([True, False]), "it", "regression").labels.tolist() == [1, 0]
    assert "as asked" in amounts.note


def test_nothing_labelled_is_unlabelled():
    answers = read_answers(pd.Series([np.nan, np.nan]), "it", None)
    assert (answers.labels, answers.kind) == (None, "unlabelled")
    assert read_answers(pd.Series([None, None]), "it", "regression").kind == "regression"


@pytest.mark.parametrize(
    ("values", "task", "sentence"),
    [
        (["a", "b"], "regression", "holds words such as 'a', which cannot be read as amounts"),
        (["a", 3], None, "mixes words with values such as 3"),
        ([1.0, np.inf], None, "infinite amount"),
        ([0, 1], "multilabel", "one label a point"),
    ],
)
def test_labels_that_do_not_fit_are_refused(values, task, sentence):
    with pytest.raises(ValueError, match=f"it .*{sentence}"):
        read_answers(pd.Series(values), "it", task)


def test_the_note_says_what_was_decided():
    note = read_answers(pd.Series(list("abcdefghij")), "the column 'y'", None).note
    assert note == "the column 'y': read as 10 classes, a, b, c, d, e, f, g, h, ... (words; task= overrides)"


def test_rows_of_zeros_and_ones_are_many_labels():
    answers = read_rows_of_answers(np.array([[1, 0, 0], [1, 1, 0]]), "it", None)
    assert (answers.kind, answers.class_names) == ("multilabel", ("0", "1", "2"))
    assert answers.labels.tolist() == [[1, 0, 0], [1, 1, 0]]


def test_rows_of_amounts_are_many_outputs():
    answers = read_rows_of_answers(np.array([[0.5, 1.0], [np.nan, np.nan]]), "it", None)
    assert (answers.kind, answers.class_names) == ("regression", ())
    assert read_rows_of_answers(np.array([[1.0, 0.0], [np.nan, np.nan]]), "it", "multilabel").kind == "multilabel"


@pytest.mark.parametrize(
    ("values", "task"), [([[1, 2]], None), ([[0.5, 1.0]], "multilabel"), ([[0, 1]], "classification")]
)
def test_rows_that_are_neither_are_refused(values, task):
    with pytest.raises(ValueError, match="it has 2 labels a point"):
        read_rows_of_answers(np.array(values), "it", task)
