import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesal.data import DataSet
from bayesal.data.split import split


def a_set(labels, kind="classification"):
    labels = torch.as_tensor(labels)
    names = tuple("abcdefgh"[: int(labels.max()) + 1]) if kind == "classification" else ()
    return DataSet(
        name="a set",
        inputs=torch.arange(float(len(labels)))[:, None],
        labels=labels,
        kind=kind,
        ids=np.arange(100, 100 + len(labels)),
        class_names=names,
    )


@settings(deadline=None)
@given(seed=st.integers(0, 2**31), fraction=st.sampled_from([0.1, 0.25, 0.5, 0.9]))
def test_both_parts_are_the_whole_and_share_nothing(seed, fraction):
    whole = a_set([0, 1] * 20 + [2] * 20)
    parts = split(whole, test_fraction=fraction, seed=seed)
    pool, test = parts.inputs.flatten().tolist(), parts.test_inputs.flatten().tolist()
    assert sorted(pool + test) == list(range(60))
    assert pool == sorted(pool)
    assert len(test) == round(fraction * 60)
    assert parts.ids.tolist() == [int(i) + 100 for i in pool]
    assert parts.labels.tolist() == [int(whole.labels[int(i)]) for i in pool]
    assert parts.test_labels.tolist() == [int(whole.labels[int(i)]) for i in test]


def test_classes_keep_their_proportions():
    parts = split(a_set([0] * 80 + [1] * 20), test_fraction=0.25, seed=3)
    assert parts.test_labels.bincount().tolist() == [20, 5]
    assert "25 of 100 labelled points drawn for the test part (seed 3), each class in proportion" in parts.note


def test_the_seed_decides():
    whole = a_set(torch.randn(50), "regression")
    first, again, other = (split(whole, test_fraction=0.2, seed=seed).ids.tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_points_without_a_label_stay_in_the_pool():
    parts = split(a_set([0, 1, -1, -1] * 10), test_fraction=0.5, seed=0)
    assert len(parts.test_labels) == 10
    assert (parts.labels == -1).sum() == 20


def test_a_class_of_one_point_stays_in_the_pool_and_is_named():
    parts = split(a_set([0, 0, 0, 0, 1, 1, 1, 1, 2]), test_fraction=0.5, seed=0)
    assert 2 in parts.labels
    assert "classes with a single point are not tested: c" in parts.note


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 2.0])
def test_a_fraction_outside_0_to_1_is_refused(fraction):
    with pytest.raises(ValueError, match="test_fraction must lie between 0 and 1"):
        split(a_set([0, 1] * 5), test_fraction=fraction, seed=0)


def test_parts_that_would_be_empty_are_refused():
    with pytest.raises(ValueError, match="10 labelled points to split"):
        split(a_set([0, 1] * 5), test_fraction=0.05, seed=0)
    with pytest.raises(ValueError, match="fewer than 2"):
        split(a_set([0, 1] * 5), test_fraction=0.95, seed=0)
    with pytest.raises(
        ValueError, match="0 labelled points to split, not counting 2 that are the only ones of their cl"
    ):
        split(a_set([0, 1, -1, -1]), test_fraction=0.5, seed=0)


def test_a_second_test_part_is_refused():
    once = split(a_set([0, 1] * 5), test_fraction=0.4, seed=0)
    with pytest.raises(ValueError, match="not split again"):
        split(once, test_fraction=0.4, seed=0)


def test_without_labels_there_is_nothing_to_test_on():
    bare = DataSet(name="bare", inputs=torch.zeros(3, 1), labels=None, kind="unlabelled", ids=np.arange(3))
    with pytest.raises(ValueError, match="bare has no labels"):
        split(bare, test_fraction=0.5, seed=0)
