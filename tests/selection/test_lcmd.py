"""Largest cluster, maximum distance, against clusters summed row by row."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.numerics.inner import Inner
from bayesal.numerics.kronecker import Kronecker
from bayesal.selection import LCMD, grow
from bayesal.testing import check_rule
from tests.selection.oracles_distance import Dense, largest_cluster

seeds = st.integers(0, 2**32 - 1)
WEIGHTS = ("squared", "distance", "count")
TRAIN = torch.tensor([[1, 0], [0, -1]], dtype=torch.float64)
POOL = torch.tensor([[2, 0.3], [0.2, 1.1], [-0.4, 2.1], [1.6, 1.5], [-1.2, 0.5], [0.1, -2.3]], dtype=torch.float64)


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def picks(rows: Tensor, batch_size: int, given: Tensor | None = None, rule: LCMD | None = None) -> list[int]:
    selection = grow(LCMD() if rule is None else rule, rows, batch_size, given=given, generator=Generator())
    return [int(position) for position in selection.positions]


@pytest.mark.parametrize("kernel", [None, Inner()])
def test_the_worked_numbers(kernel: Inner | None):
    rule = LCMD(kernel=kernel)
    assert picks(POOL, 4, TRAIN, rule) == [2, 4, 3, 5]
    assert picks(POOL, 4, rule=rule) == [5, 2, 0, 4]
    state = rule.take(rule.init(POOL, generator=Generator()), TRAIN)
    assert rule.gains(state).tolist() == pytest.approx([1.09, 1.85, 6.37, 2.61, 3.69, 1.7])
    assert state.centre.tolist() == [0, 0, 0, 0, 1, 1]
    assert rule.sizes(state).tolist() == pytest.approx([11.92, 5.39])
    assert rule.sizes(rule.take(state, POOL[[2]])).tolist() == pytest.approx([3.7, 1.7, 4.56])


@pytest.mark.parametrize("kernel", [None, Inner()])
def test_the_largest_cluster_need_not_hold_the_farthest_row(kernel: Inner | None):
    line = torch.tensor([[3], [3.1], [2.9], [2.8], [14]], dtype=torch.float64)
    known = torch.tensor([[0], [10]], dtype=torch.float64)
    rule = LCMD(kernel=kernel)
    state = rule.take(rule.init(line, generator=Generator()), known)
    assert rule.sizes(state).tolist() == pytest.approx([34.86, 16])
    selection = grow(rule, line, 2, given=known, generator=Generator())
    assert selection.ids == [1, 4]
    assert selection.gains.tolist() == pytest.approx([9.61, 16])
    assert selection.scores.tolist() == pytest.approx([9.61, 16])


@pytest.mark.parametrize("weight", WEIGHTS)
@given(seed=seeds, spread=st.sampled_from([0.5, 1, 30]), num_given=st.sampled_from([0, 1, 4]))
@settings(max_examples=15)
def test_picks_are_those_of_all_clusters(weight: str, seed: int, spread: float, num_given: int):
    """Whole numbers, whose sums are exact: small spreads make grids with many ties and copies."""
    rows, known = (drawn(seed, 14, 2) * spread).round(), (drawn(seed + 1, num_given, 2) * spread).round()
    expected = largest_cluster(rows.numpy(), known.numpy(), 14, weight)
    for make in (Tensor.double, Tensor.float):
        assert picks(make(rows), 14, make(known), LCMD(weight)) == expected


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("offset", [0.0, 300.0])
def test_float32_rows_are_chosen_as_if_they_were_float64(weight: str, offset: float):
    rows, known = (drawn(0, 60, 6) * drawn(1, 60, 1) + offset).float(), (drawn(2, 5, 6) + offset).float()
    expected = largest_cluster(rows.double().numpy(), known.double().numpy(), 25, weight)
    assert picks(rows, 25, known, LCMD(weight)) == expected
    assert picks(rows.double(), 25, known.double(), LCMD(weight)) == expected


@pytest.mark.parametrize("weight", WEIGHTS)
@given(seed=seeds)
@settings(max_examples=6)
def test_a_kernel_a_matrix_and_products_choose_what_features_choose(weight: str, seed: int):
    products = Kronecker(drawn(seed, 20, 3), drawn(seed + 1, 20, 4))
    dense = products.dense()
    expected = picks(dense[:16], 12, dense[16:], LCMD(weight))
    matrix = dense @ dense.T
    assert picks(products[:16], 12, products[16:], LCMD(weight)) == expected
    assert picks(dense[:16], 12, dense[16:], LCMD(weight, Inner())) == expected
    assert picks(torch.arange(16), 12, torch.arange(16, 20), LCMD(weight, Dense(matrix))) == expected


@given(seed=seeds, num_given=st.sampled_from([0, 3]))
@settings(max_examples=15)
def test_laws_of_clusters(seed: int, num_given: int):
    rows, known = drawn(seed, 15, 3), drawn(seed + 1, num_given, 3)
    expected = picks(rows, 8, known)
    assert picks(rows, 5, known) == expected[:5]
    assert picks(rows * 8, 8, known * 8) == expected
    order = torch.from_numpy(np.random.default_rng(seed).permutation(15))
    assert order[picks(rows[order], 8, known)].tolist() == expected
    if num_given:
        assert picks(rows + 5, 8, known + 5) == expected
        assert picks(rows, 8, known.repeat(2, 1)) == expected


def test_sizes_are_of_the_open_rows_if_asked():
    rule = LCMD("count")
    state = rule.take(rule.init(POOL, generator=Generator()), TRAIN)
    assert rule.sizes(state).tolist() == [4, 2]
    assert rule.sizes(state, torch.tensor([False, True, False, True, True, True])).tolist() == [2, 2]
    state = rule.take(state, POOL[[2]])
    assert float(rule.sizes(state).sum()) == 5  # a row at a centre does not count


def test_states_are_values():
    rule = LCMD()
    start = rule.take(rule.init(POOL, generator=Generator()), TRAIN)
    before = rule.gains(start).clone()
    after = rule.gains(rule.take(start, POOL[[2]])).clone()
    rule.gains(rule.take(start, POOL[[5]]))
    assert torch.equal(rule.gains(start), before)
    assert start.centre.tolist() == [0, 0, 0, 0, 1, 1]
    assert torch.equal(rule.gains(rule.take(start, POOL[[2]])), after)


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("kernel", [None, Inner()])
def test_copies_come_last_in_order_and_are_noted(weight: str, kernel: Inner | None):
    rows = torch.tensor([[1.0, 0], [1, 0], [0, 2], [1, 0], [0, 2]])
    selection = grow(LCMD(weight, kernel), rows, 5, generator=Generator())
    assert selection.ids == [2, 0, 1, 3, 4]
    assert selection.gains[2:].tolist() == [0, 0, 0]
    assert "every row left is a copy of one that is taken" in selection.notes[0]
    assert grow(LCMD(weight, kernel), rows, 2, generator=Generator()).notes == ()
    assert grow(LCMD(weight, kernel), torch.zeros(3, 2), 3, generator=Generator()).ids == [0, 1, 2]


def test_small_pools():
    assert picks(drawn(0, 1, 3), 1) == [0]
    assert picks(torch.zeros(0, 3), 0) == []
    assert sorted(picks(drawn(0, 5, 3), 5)) == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="there are only 5 rows"):
        picks(drawn(0, 5, 3), 6)


def test_another_weight_gets_a_sentence():
    with pytest.raises(ValueError, match="weight is one of squared, distance, count, but it is 'cubed'"):
        LCMD("cubed")
    with pytest.raises(ValueError, match="rows must be finite"):
        picks(POOL.index_fill(0, torch.tensor([1]), torch.nan), 1)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_the_laws_of_greedy_rules(weight: str):
    assert all(finding.passed for finding in check_rule(LCMD(weight), drawn(0, 20, 4)))
    assert all(finding.passed for finding in check_rule(LCMD(weight, Inner()), drawn(0, 20, 4)))
