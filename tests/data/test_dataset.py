import numpy as np
import pytest
import torch

from bayesal import Pool
from bayesal.data import DataSet


def some(**changes):
    given = {
        "name": "some",
        "inputs": torch.arange(4.0)[:, None],
        "labels": torch.tensor([1, -1, 0, 1]),
        "kind": "classification",
        "ids": np.array(["a", "b", "c", "d"], dtype=object),
        "class_names": ("no", "yes"),
    }
    return DataSet(**given | changes)


def test_what_is_known_answers_in_plain_numbers():
    assert some().known.tolist() == [True, False, True, True]
    assert some().answers == {"a": 1, "c": 0, "d": 1}
    assert some(labels=torch.tensor([0.5, torch.nan, 1.5, 2.0]), kind="regression").answers == {
        "a": 0.5,
        "c": 1.5,
        "d": 2,
    }
    assert some(labels=torch.tensor([[1.0, 0.0], [torch.nan] * 2, [0.0] * 2, [1.0] * 2])).answers["a"] == [1.0, 0.0]
    assert some(labels=None, kind="unlabelled").answers == {}
    assert not some(labels=None, kind="unlabelled").known.any()


def test_a_data_set_makes_a_pool():
    data = some()
    pool = Pool.of(data.inputs, data.ids, data.answers)
    assert pool.unlabelled.tolist() == ["b"]
    assert pool.targets().tolist() == [1, 0, 1]


@pytest.mark.parametrize("chosen", [[2, 0], np.array([2, 0]), torch.tensor([2, 0])])
def test_taking_points_keeps_everything_aligned(chosen):
    part = some(test_inputs=torch.zeros(2, 1), test_labels=torch.tensor([0, 1])).take(chosen)
    assert part.ids.tolist() == ["c", "a"]
    assert part.inputs.flatten().tolist() == [2, 0]
    assert part.labels.tolist() == [0, 1]
    assert len(part.test_labels) == 2
    assert len(some().take([])) == 0


def test_it_says_what_it_is():
    assert repr(some()) == "DataSet('some': 4 points and 0 to test on, classification, 2 classes)"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"labels": torch.tensor([1, 0])}, "some: there are 4 points but 2 labels"),
        ({"ids": np.array(["a", "b", "a", "c"], dtype=object)}, "the id 'a' stands for more than one point"),
        ({"ids": np.arange(3)}, "4 points but 3 ids"),
        ({"test_inputs": torch.zeros(2, 1)}, "needs both its inputs and its labels"),
        ({"test_inputs": torch.zeros(2, 1), "test_labels": torch.zeros(3)}, "2 test points but 3 test labels"),
        ({"test_inputs": torch.zeros(2, 1), "test_labels": torch.tensor([0, -1])}, "some test points have no label"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        some(**changes)
