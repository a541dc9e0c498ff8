"""The highest scores, in order, ties settled."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bayesal.selection import top


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(0, 30))
def test_top_is_a_stable_descending_sort_cut_at_the_batch(scores, size):
    size = min(size, len(scores))
    expected = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:size]
    assert top(torch.tensor(scores, dtype=torch.float32), size).tolist() == expected


def test_ties_go_to_the_lowest_position_wherever_the_batch_is_cut(generator):
    scores = torch.randint(3, (5000,), generator=generator).float()
    order = scores.argsort(descending=True, stable=True)
    for size in (1, 10, 1700, 5000):
        assert torch.equal(top(scores, size), order[:size])


def test_a_longer_batch_begins_with_the_shorter(generator):
    scores = torch.randn(50, generator=generator)
    assert top(scores, 20)[:7].tolist() == top(scores, 7).tolist()


def test_any_increasing_transform_gives_the_same_batch(generator):
    scores = torch.randn(50, dtype=torch.float64, generator=generator)
    assert torch.equal(top(scores.exp() * 7 + 1, 10), top(scores, 10))


def test_infinities_are_ordered_too():
    assert top(torch.tensor([-math.inf, 1.0, math.inf, 0.0, math.inf]), 5).tolist() == [2, 4, 1, 3, 0]


def test_the_generator_is_not_used(generator):
    before = generator.get_state()
    assert top(torch.arange(5.0), 2, generator=generator).tolist() == [4, 3]
    assert torch.equal(generator.get_state(), before)


def test_an_empty_batch_and_a_whole_batch():
    assert top(torch.arange(3.0), 0).tolist() == []
    assert top(torch.empty(0), 0).tolist() == []
    assert top(torch.arange(3.0), 3).tolist() == [2, 1, 0]


def test_bad_requests_are_refused():
    with pytest.raises(ValueError, match="a batch of 4 was asked for, but there are only 3 rows"):
        top(torch.arange(3.0), 4)
    with pytest.raises(ValueError, match="batch_size must be at least 0, but it is -1"):
        top(torch.arange(3.0), -1)
    with pytest.raises(ValueError, match="the score of row 1 is NaN"):
        top(torch.tensor([0.0, math.nan, 1.0]), 1)
    with pytest.raises(ValueError, match=r"one score a row, but the rows have the shape \(3, 2\)"):
        top(torch.zeros(3, 2), 1)
