"""What dropping points costs, against totals computed anew without them."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.numerics.kronecker import Kronecker
from bayesal.selection.shortlist import Shortlist

seeds = st.integers(0, 2**32 - 1)
NOISE = 0.2


def random_rows(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def lowered(factors: np.ndarray, left: list[int], objective: np.ndarray) -> float:
    """By how much labels of these points lower tr(S Q): tr Q - tr(S Q) with S = (I + Σ VᵀV / σ²)⁻¹."""
    size = factors.shape[2]
    precision = np.eye(size) + np.einsum("nrd,nre->de", factors[left], factors[left]) / NOISE
    return float(np.trace(objective) - np.trace(np.linalg.inv(precision) @ objective))


def shortlist(points: Tensor, objective: Tensor) -> tuple[Shortlist, np.ndarray]:
    rows = (points.dense() if isinstance(points, Kronecker) else points).flatten(0, 1)
    state = Shortlist.of(points, rows @ rows.mT, NOISE, rows, objective)
    return state, rows.view(len(points), -1, rows.shape[1]).numpy()


def objective_of(seed: int, size: int) -> Tensor:
    root = random_rows(seed, 9, size)
    return root.mT @ root


@given(seed=seeds)
@settings(max_examples=12)
def test_costs_are_what_the_total_loses(seed: int):
    objective = objective_of(seed + 2, 4)
    products = Kronecker(random_rows(seed, 6, 2, 2), random_rows(seed + 1, 6, 2))
    for points in (random_rows(seed, 6, 1, 4), random_rows(seed, 6, 3, 4), products):
        state, factors = shortlist(points, objective)
        left = list(range(6))
        for dropped in (None, 4, 0, 2):
            if dropped is not None:
                left.remove(dropped)
                state = state.without(points[[dropped]])
            costs, before = state.costs(), lowered(factors, left, objective.numpy())
            expected = [before - lowered(factors, [m for m in left if m != n], objective.numpy()) for n in left]
            np.testing.assert_allclose(costs[left].numpy(), expected, rtol=1e-7)
            assert costs.isnan().tolist() == [n not in left for n in range(6)]


def test_the_last_point_costs_all_that_is_left():
    points, objective = random_rows(0, 3, 2, 4), objective_of(1, 4)
    state, factors = shortlist(points, objective)
    state = state.without(points[:2])
    assert float(state.costs()[2]) == pytest.approx(lowered(factors, [2], objective.numpy()), rel=1e-9)


def test_many_at_once_are_one_after_the_other():
    points = random_rows(3, 5, 2, 4)
    state, _ = shortlist(points, objective_of(4, 4))
    together, apart = state.without(points[[3, 1]]), state.without(points[[3]]).without(points[[1]])
    assert together.places.tolist() == apart.places.tolist() == [0, 2, 4]
    assert torch.equal(together.costs()[[0, 2, 4]], apart.costs()[[0, 2, 4]])
    assert not state.costs().isnan().any()  # the state it came from is as it was


def test_twins_cost_the_same_to_the_last_bit_and_leave_one_by_one():
    points = random_rows(5, 2, 1, 4)[[0, 1, 0, 1, 0]]
    state, factors = shortlist(points, objective_of(6, 4))
    costs = state.costs()
    assert costs[0] == costs[2] == costs[4]
    assert costs[1] == costs[3]
    state = state.without(points[[0]])
    after: Any = state.costs()
    assert after[2] == after[4]
    assert state.places.tolist() == [1, 2, 3, 4]
    everything = objective_of(6, 4).numpy()
    expected = lowered(factors, [1, 2, 3, 4], everything) - lowered(factors, [1, 3, 4], everything)
    assert float(after[4]) == pytest.approx(expected, rel=1e-7)


def test_what_is_not_left_cannot_be_dropped():
    points = random_rows(7, 3, 1, 4)
    state, _ = shortlist(points, objective_of(8, 4))
    for point in (random_rows(9, 1, 1, 4), points[[1]]):
        state = state.without(points[[1]]) if point is not points and len(state.places) == 3 else state
        with pytest.raises(ValueError, match="only points that were taken, and not dropped since, can be dropped"):
            state.without(point)
