import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesal.data.ids import index_of, positions_of

any_ids = st.lists(st.one_of(st.integers(-(2**40), 2**40), st.text(max_size=4)), unique_by=lambda i: (type(i), i))


@settings(deadline=None)
@given(any_ids)
def test_every_id_is_found_where_it_was_put(ids):
    index = index_of(ids, len(ids))
    assert positions_of(ids, index).tolist() == list(range(len(ids)))
    assert positions_of(ids[::-1], index).tolist() == list(range(len(ids)))[::-1]


@settings(deadline=None)
@given(any_ids)
def test_ids_come_back_as_plain_integers_and_strings(ids):
    back = index_of(ids, len(ids)).to_numpy().tolist()
    assert back == ids
    assert [type(i) for i in back] == [type(i) for i in ids]


def test_the_number_and_its_text_are_two_ids():
    index = index_of([1, "1", 2], 3)
    assert positions_of(["1"], index).tolist() == [1]
    assert positions_of([1], index).tolist() == [0]
    with pytest.raises(KeyError, match="'2'"):
        positions_of(["2"], index)


def test_numpy_integers_among_strings_come_back_plain():
    index = index_of([np.int64(7), "a"], 2)
    assert [type(i) for i in index.to_numpy().tolist()] == [int, str]
    assert positions_of([7], index).tolist() == [0]


@pytest.mark.parametrize("ids", [[0.5, 1.5], [True, False], [("a", 1), ("b", 2)], ["a", None], [float("nan"), 1]])
def test_ids_that_are_neither_integers_nor_strings_are_refused(ids):
    with pytest.raises(ValueError, match="integers or strings"):
        index_of(ids, 2)


def test_integers_beyond_64_bits_still_work():
    ids = [2**70, 3]
    assert positions_of([2**70], index_of(ids, 2)).tolist() == [0]


@pytest.mark.parametrize("twice", [["a", "b", "a"], [3, 1, 3], np.array([3, 1, 3])])
def test_a_repeated_id_is_named(twice):
    with pytest.raises(ValueError, match=r"the id ('a'|3) stands for more than one point"):
        index_of(twice, 3)


def test_ids_are_one_a_point():
    for ids in (np.array([[1], [2]]), np.array([["a"], ["b"]])):
        with pytest.raises(ValueError, match=r"have the shape \(2, 1\)"):
            index_of(ids, 2)


def test_a_wrong_number_of_ids_is_refused():
    with pytest.raises(ValueError, match="3 points but 2 ids"):
        index_of(["a", "b"], 3)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.uint64])
def test_integers_of_any_width_are_the_same_id(dtype):
    index = index_of(np.array([5, 9], dtype=dtype), 2)
    assert positions_of([9, 5], index).tolist() == [1, 0]


def test_arrays_of_words_and_series_work_too():
    index = index_of(np.array(["x", "y"]), 2)
    assert positions_of(np.array(["y"]), index).tolist() == [1]
    assert positions_of(pd.Series(["y"]).to_numpy(), index).tolist() == [1]
