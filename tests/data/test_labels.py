import numpy as np
import pandas as pd
import pytest
import torch

from bayesal import Pool


@pytest.mark.parametrize(
    "labels",
    [
        [0, None, 2, None],
        [0.0, float("nan"), 2.0, np.float32("nan")],
        np.array([0, np.nan, 2, np.nan]),
        torch.tensor([0, torch.nan, 2, torch.nan]),
        pd.Series([0, None, 2, None], dtype="Int64"),
        {0: 0, 2: 2},
        {0: 0, 2: 2, 3: None},
    ],
)
def test_a_label_that_is_none_or_nan_is_not_known_yet(labels):
    pool = Pool.of(torch.zeros(4, 1), labels=labels)
    assert pool.labelled.tolist() == [0, 2]
    assert pool.unlabelled.tolist() == [1, 3]
    assert pool.targets().tolist() == [0, 2]


def test_a_mapping_keeps_the_order_in_which_labels_became_known():
    pool = Pool.of(torch.arange(4.0)[:, None], ids=list("abcd"), labels={"d": 1, "a": 0}).with_labels({"b": 2, "d": 5})
    assert pool.labelled.tolist() == ["d", "a", "b"]
    assert pool.targets().tolist() == [5, 0, 2]
    assert pool.gather(pool.labelled).flatten().tolist() == [3, 0, 1]


def test_vectors_of_labels_stack_and_rows_of_nan_are_unknown():
    pool = Pool.of(torch.zeros(3, 1), labels=np.array([[1.0, 0.0], [np.nan, np.nan], [0.0, 1.0]]))
    assert pool.labelled.tolist() == [0, 2]
    assert pool.targets().shape == (2, 2)


def test_a_label_known_only_in_part_is_refused():
    with pytest.raises(ValueError, match="known only in part"):
        Pool.of(torch.zeros(2, 1), labels=np.array([[1.0, np.nan], [0.0, 1.0]]))


def test_integer_labels_stay_integers():
    assert Pool.of(torch.zeros(3, 1), labels=torch.tensor([2, 0, 1])).targets().dtype == torch.int64


def test_a_label_for_nobody_is_refused():
    with pytest.raises(ValueError, match=r"label too many.*'z'"):
        Pool.of(torch.zeros(2, 1), ids=["a", "b"], labels={"z": 1})


def test_a_wrong_number_of_labels_is_refused():
    with pytest.raises(ValueError, match="3 points but 2 labels"):
        Pool.of(torch.zeros(3, 1), labels=[0, 1])


@pytest.mark.parametrize("unknown", [None, float("nan"), np.float32("nan")])
def test_telling_an_unknown_label_is_refused(unknown):
    with pytest.raises(ValueError, match="leave an unknown label out"):
        Pool.of(torch.zeros(2, 1)).with_labels({1: unknown})


def test_telling_a_label_of_nobody_is_a_key_error():
    with pytest.raises(KeyError, match="no point with the id 9"):
        Pool.of(torch.zeros(2, 1)).with_labels({9: 1})


def test_words_cannot_be_targets():
    with pytest.raises(ValueError, match=r"must be numbers.*'cat'"):
        Pool.of(torch.zeros(2, 1), labels={0: "cat"}).targets()


def test_labels_of_different_shapes_cannot_be_targets():
    with pytest.raises(ValueError, match="different shapes"):
        Pool.of(torch.zeros(2, 1), labels={0: [1, 2], 1: [1, 2, 3]}).targets()


def test_without_labels_there_are_no_targets():
    assert len(Pool.of(torch.zeros(2, 1)).targets()) == 0
