"""Fronts and layers against all pairs, and the worked numbers of the card."""

from itertools import combinations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from bayesal.numerics.mmd import squared_mmd
from bayesal.numerics.pareto import falling, front, layers

WORKED = torch.tensor(
    [[0.9, 0.8, 0.7, 0.6, 0.5, 0.85, 0.4, 0.3], [0.1, 0.3, 0.5, 0.4, 0.2, 0.05, 0.9, 0.6]], dtype=torch.float64
).T
few_values = st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), max_size=14)


def dominates(one: list[float], other: list[float]) -> bool:
    return one[0] >= other[0] and one[1] >= other[1] and one != other


def peeled(rows: list[list[float]]) -> list[int]:
    """The layer of each row, by looking at all pairs."""
    layer, left, depth = [0] * len(rows), set(range(len(rows))), 0
    while left:
        best = {i for i in left if not any(dominates(rows[j], rows[i]) for j in left)}
        for i in best:
            layer[i] = depth
        left, depth = left - best, depth + 1
    return layer


def tensor(rows: list[tuple[int, int]]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64).reshape(-1, 2)


def test_worked_layers():
    assert [(layers(WORKED) == k).nonzero().squeeze(1).tolist() for k in range(3)] == [[0, 1, 2, 6], [3, 5, 7], [4]]
    assert sorted(front(WORKED).tolist()) == [0, 1, 2, 6]


@given(few_values)
def test_layers_are_those_that_all_pairs_give(rows: list[tuple[int, int]]):
    assert layers(tensor(rows)).tolist() == peeled(tensor(rows).tolist())


@given(few_values)
def test_the_front_is_the_first_layer_with_the_first_of_equal_rows(rows: list[tuple[int, int]]):
    values = tensor(rows).tolist()
    expected = [i for i in range(len(rows)) if not any(dominates(v, values[i]) for v in values)]
    expected = [i for i in expected if values.index(values[i]) == i]
    found = front(tensor(rows)).tolist()
    assert sorted(found) == expected
    assert [values[i][0] for i in found] == sorted((values[i][0] for i in found), reverse=True)


@given(few_values, st.floats(0.1, 10), st.floats(0.1, 10), st.integers(-50, 50))
def test_a_scale_and_a_shift_of_an_objective_change_no_layer(rows, scale, other, shift):
    moved = tensor(rows) * torch.tensor([scale, other], dtype=torch.float64) + shift
    assert layers(moved).tolist() == layers(tensor(rows)).tolist()


def test_equal_rows_are_of_one_layer_and_no_rows_of_none():
    assert layers(torch.ones(5, 2)).tolist() == [0] * 5
    assert front(torch.ones(5, 2)).tolist() == [0]
    assert layers(torch.empty(0, 2)).tolist() == front(torch.empty(0, 2)).tolist() == []
    assert falling(torch.tensor([[1, 2], [3, 0], [1, 5], [3, 0]])).tolist() == [1, 3, 2, 0]


ONE = torch.tensor([[1, 2], [2, 1]], dtype=torch.float64)
OTHER = torch.tensor([[1.5, 2], [2, 1.2], [2.5, 0.5]], dtype=torch.float64)


def plain_mmd(one: list[list[float]], other: list[list[float]]) -> float:
    from math import exp

    def apart(x, y):
        return sum((a - b) ** 2 for a, b in zip(x, y, strict=True))

    both = one + other
    scale = sum(apart(x, y) for x, y in combinations(both, 2)) * 2 / (len(both) * (len(both) - 1))

    def kernel(some, others):
        return sum(sum(exp(-apart(x, y) / (scale * 2.0**k)) for k in range(-2, 3)) for x in some for y in others)

    n, m = len(one), len(other)
    return kernel(one, one) / n**2 + kernel(other, other) / m**2 - 2 * kernel(one, other) / (n * m)


def test_worked_discrepancy_of_samples_of_different_sizes():
    assert squared_mmd(ONE, OTHER) == pytest.approx(0.80445, abs=5e-6)
    assert squared_mmd(OTHER, ONE) == pytest.approx(0.80445, abs=5e-6)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 7), (5, 3)])
def test_discrepancies_agree_with_plain_sums(n: int, m: int):
    points = torch.randn(n + m, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(n))
    found = squared_mmd(points[:n], points[n:])
    assert found == pytest.approx(plain_mmd(points[:n].tolist(), points[n:].tolist()), rel=1e-10)


def test_the_same_sample_is_not_apart_and_nothing_is_no_sample():
    assert squared_mmd(ONE, ONE) == pytest.approx(0, abs=1e-12)
    assert squared_mmd(torch.ones(3, 2), torch.ones(2, 2)) == 0
    with pytest.raises(ValueError, match="they have 2 and 0"):
        squared_mmd(ONE, ONE[:0])
