import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesal import Pool


def rows(inputs):
    return torch.stack([inputs.sum(1), inputs[:, 0]], 1)


@settings(deadline=None)
@given(n=st.integers(1, 40), chunk=st.sampled_from([1, 7, 40, 100]), data=st.data())
def test_chunks_and_order_do_not_change_rows(n, chunk, data):
    inputs = torch.randn(n, 3, generator=torch.Generator().manual_seed(n))
    wanted = data.draw(st.permutations(range(n)))[: data.draw(st.integers(1, n))]
    seen = Pool.of(inputs, chunk_size=chunk).scan(rows, wanted)
    assert torch.equal(seen, rows(inputs)[wanted])


def test_a_look_never_sees_more_than_a_chunk_and_every_point_once():
    sizes = []

    def look(inputs):
        sizes.append(len(inputs))
        return inputs[:, 0]

    seen = Pool.of(torch.arange(20.0)[:, None], chunk_size=7).scan(look)
    assert sizes == [7, 7, 6]
    assert seen.tolist() == list(range(20))


def test_rows_are_filled_into_one_tensor():
    made = []

    def look(inputs):
        made.append(torch.full((len(inputs), 2), float(len(made))))
        return made[-1]

    seen = Pool.of(torch.zeros(5, 1), chunk_size=2).scan(look)
    assert seen.shape == (5, 2)
    made[0].fill_(-1)  # a look may use its buffer again
    assert seen[:, 0].tolist() == [0, 0, 1, 1, 2]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64, torch.int64, torch.bool])
def test_rows_keep_the_dtype_of_the_look(dtype):
    assert Pool.of(torch.zeros(5, 1), chunk_size=2).scan(lambda x: x[:, 0].to(dtype)).dtype == dtype


def test_nan_rows_pass_through():
    seen = Pool.of(torch.zeros(3, 1)).scan(lambda x: torch.full((len(x),), torch.nan))
    assert seen.isnan().all()


def test_rows_carry_no_gradient():
    weight = torch.ones((), requires_grad=True)
    assert not Pool.of(torch.zeros(5, 1), chunk_size=2).scan(lambda x: x[:, 0] * weight).requires_grad


@pytest.mark.parametrize(
    ("look", "seen"),
    [
        (lambda x: x[:-1, 0], r"\(3,\)"),
        (lambda x: x.sum(), r"\(\)"),
        (lambda x: x[:, 0].numpy(), "ndarray"),
    ],
)
def test_a_look_that_loses_points_is_refused(look, seen):
    with pytest.raises(ValueError, match=f"shown 4 points but returned rows of shape {seen}"):
        Pool.of(torch.zeros(4, 1)).scan(look)


def test_rows_that_change_shape_between_chunks_are_refused():
    widths = iter([2, 1])
    with pytest.raises(ValueError, match="whatever its chunk"):
        Pool.of(torch.zeros(4, 1), chunk_size=2).scan(lambda x: torch.zeros(len(x), next(widths)))


def test_a_model_that_works_in_place_does_not_reach_the_pool():
    inputs = torch.ones(4, 1)
    pool = Pool.of(inputs, chunk_size=2)
    pool.scan(lambda x: x.mul_(0)[:, 0])
    pool.gather([1, 2]).mul_(0)
    assert inputs.sum() == 4


def test_an_empty_pool_is_one_empty_chunk():
    pool = Pool.of(torch.zeros(0, 3))
    assert len(pool) == 0
    assert pool.unlabelled.tolist() == []
    assert pool.scan(rows).shape == (0, 2)


def test_nothing_is_left_when_all_is_labelled():
    pool = Pool.of(torch.zeros(3, 2), labels=[0, 1, 2])
    assert pool.unlabelled.tolist() == []
    assert pool.scan(rows, pool.unlabelled).shape == (0, 2)
    assert repr(pool) == "Pool(3 points, 3 labelled, 0 to choose from)"


def test_only_narrows_what_may_be_chosen_and_keeps_what_is_labelled():
    pool = Pool.of(torch.zeros(6, 1), ids=list("abcdef"), labels={"a": 1}).only(["d", "a", "b"])
    assert pool.unlabelled.tolist() == ["b", "d"]
    assert pool.labelled.tolist() == ["a"]
    assert pool.only(["d", "f"]).unlabelled.tolist() == ["d"]
    assert pool.with_labels({"d": 0}).unlabelled.tolist() == ["b"]
    with pytest.raises(KeyError, match="'z'"):
        pool.only(["z"])


def test_a_pool_never_changes():
    pool = Pool.of(torch.zeros(4, 1), ids=["a", "b", "c", "d"])
    given = {"b": 1}
    told = pool.with_labels(given)
    given["c"] = 2
    assert pool.labels == {}
    assert told.labels == {"b": 1}
    for ids in (pool.ids, Pool.of(torch.zeros(4, 1)).ids):
        with pytest.raises(ValueError, match="read-only"):
            ids[0] = 9


def test_pools_share_their_storage():
    inputs = torch.zeros(4, 1)
    pool = Pool.of(inputs)
    assert pool.with_labels({1: 0}).only([2]).source is pool.source
    assert pool.source.values is inputs


def test_a_pool_travels_to_another_process():
    pool = Pool.of(torch.arange(3.0)[:, None], ids=["a", 1, "1"], labels={"1": 4})
    back = pickle.loads(pickle.dumps(pool))
    assert back.unlabelled.tolist() == ["a", 1]
    assert back.gather(["1"]).item() == 2


def test_ids_of_integers_come_back_as_python_integers():
    pool = Pool.of(torch.zeros(3, 1), ids=np.array([7, 5, 3]), labels={5: 0})
    assert [type(i) for i in pool.unlabelled.tolist() + pool.labelled.tolist()] == [int] * 3


def test_chunks_have_at_least_one_point():
    with pytest.raises(ValueError, match="chunk_size must be at least 1"):
        Pool.of(torch.zeros(3, 1), chunk_size=0)
