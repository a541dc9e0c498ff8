"""MaxDet: the card's numbers, determinants by brute force, and laziness that changes nothing."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.numerics.inner import Inner
from bayesal.numerics.kronecker import Kronecker
from bayesal.selection import JointBALD, MaxDet, grow
from bayesal.testing import check_rule
from tests.selection.oracles_variance import POOL, TRAIN, left

seeds = st.integers(0, 2**32 - 1)
KNOWN = torch.tensor(TRAIN, dtype=torch.float64)
ROWS = torch.tensor(POOL, dtype=torch.float64)


def random_rows(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def gains_after(rule: MaxDet, rows: Tensor, taken: Tensor) -> Tensor:
    return rule.gains(rule.take(rule.init(rows, generator=Generator()), taken))


def brute_force(rows: Tensor, known: Tensor, batch_size: int, noise: float) -> list[int]:
    features = torch.cat([rows, known]).numpy()
    kernel, taken = features @ features.T, list(range(len(rows), len(features)))
    for _ in range(batch_size):
        residuals = left(kernel, taken, noise**2).diagonal()[: len(rows)].copy()
        residuals[[n for n in taken if n < len(rows)]] = -np.inf
        taken.append(int(residuals.argmax()))
    return taken[len(known) :]


@pytest.mark.parametrize("kernel", [None, Inner()])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_worked_numbers(kernel: Inner | None, dtype: torch.dtype):
    rows, known = ROWS.to(dtype), KNOWN.to(dtype)
    selection = grow(MaxDet(0.5, kernel), rows, 3, given=known, generator=Generator())
    assert selection.ids == [5, 0, 3]
    assert selection.gains.tolist() == pytest.approx([1.31, 1.06067, 0.444547], rel=1e-5)
    rule, steps = MaxDet(0.5, kernel), [known, torch.cat([known, rows[[5]]]), torch.cat([known, rows[[5, 0]]])]
    expected = (
        [1.068, 0.5, 1.164, 1.212, 0.588, 1.31],
        [1.06067, 0.307631, 0.43982, 0.881493, 0.538751],
        [0.296543, 0.429053, 0.444547, 0.33137],
    )
    assert gains_after(rule, rows, steps[0]).tolist() == pytest.approx(expected[0], rel=1e-5)
    assert gains_after(rule, rows, steps[1])[:5].tolist() == pytest.approx(expected[1], rel=1e-5)
    assert gains_after(rule, rows, steps[2])[1:5].tolist() == pytest.approx(expected[2], rel=1e-5)


@given(seed=seeds)
@settings(max_examples=5)
def test_each_pick_has_the_largest_residual_by_brute_force(seed: int):
    rows, known = random_rows(seed, 30, 4), random_rows(seed + 1, 3, 4)
    expected = brute_force(rows, known, 12, 0.3)
    assert grow(MaxDet(0.3), rows, 12, given=known, generator=Generator()).ids == expected
    assert grow(MaxDet(0.3, Inner()), rows, 12, given=known, generator=Generator()).ids == expected


@given(seed=seeds)
@settings(max_examples=5)
def test_gains_multiply_to_the_determinant(seed: int):
    rows = random_rows(seed, 20, 6)
    selection = grow(MaxDet(0.2), rows, 8, generator=Generator())
    chosen = rows[selection.ids].numpy()
    expected = np.linalg.slogdet(chosen @ chosen.T + 0.04 * np.eye(8))[1]
    assert float(selection.gains.log().sum()) == pytest.approx(expected, rel=1e-9)
    assert selection.ids == grow(JointBALD(0.04), rows, 8, generator=Generator()).ids


@given(seed=seeds)
@settings(max_examples=5)
def test_what_is_known_is_the_same_taken_or_in_the_features(seed: int):
    rows, known = random_rows(seed, 25, 5), random_rows(seed + 1, 9, 5)
    whitened = torch.linalg.cholesky(known.T @ known + 0.25 * torch.eye(5, dtype=torch.float64))
    posterior = 0.5 * torch.linalg.solve_triangular(whitened, rows.T, upper=False).T
    taken = grow(MaxDet(0.5), rows, 10, given=known, generator=Generator())
    inside = grow(MaxDet(0.5), posterior, 10, generator=Generator())
    assert taken.ids == inside.ids
    torch.testing.assert_close(taken.gains, inside.gains, rtol=1e-9, atol=1e-12)


def test_more_known_rows_than_features_start_anew_and_change_nothing():
    rows, known = random_rows(0, 40, 3), random_rows(1, 200, 3)
    by_kernel = gains_after(MaxDet(0.1, Inner()), rows, known)
    torch.testing.assert_close(gains_after(MaxDet(0.1), rows, known), by_kernel, rtol=1e-8, atol=1e-10)
    rule = MaxDet(0.1)
    state = rule.init(rows, generator=Generator())
    for some in known.split(30):
        state = rule.take(state, some)
    torch.testing.assert_close(rule.gains(state), by_kernel, rtol=1e-8, atol=1e-10)
    assert grow(rule, rows, 20, given=known, generator=Generator()).ids == brute_force(rows, known, 20, 0.1)


def test_a_batch_begins_like_a_smaller_one_and_ignores_the_order_of_rows():
    rows = random_rows(2, 60, 8)
    batch = grow(MaxDet(0.1), rows, 30, generator=Generator()).ids
    assert grow(MaxDet(0.1), rows, 12, generator=Generator()).ids == batch[:12]
    order = torch.randperm(60, generator=Generator().manual_seed(0))
    assert order[grow(MaxDet(0.1), rows[order], 30, generator=Generator()).positions].tolist() == batch


def test_few_residuals_are_computed_but_the_best_is_found():
    scale = torch.linspace(0.1, 3, 3000, dtype=torch.float64)[:, None]
    rows = (random_rows(3, 3000, 20) * scale).float()
    rule = MaxDet(0.1)
    state = rule.init(rows, generator=Generator())
    open_ = torch.ones(3000, dtype=torch.bool)
    for _ in range(15):
        position, gain = rule.best(state, open_)
        fresh = rule.gains(rule.take(rule.init(rows, generator=Generator()), rows[~open_]))
        assert gain == pytest.approx(float(fresh[open_].max()), rel=1e-12)
        assert float(fresh[position]) == pytest.approx(gain, rel=1e-12)
        open_[position] = False
        state = rule.take(state, rows[[position]])
    assert (state.seen < 14).any()


def test_float32_features_choose_as_float64_does():
    rows = random_rows(4, 400, 30).float()
    lower = grow(MaxDet(1e-3), rows, 100, generator=Generator())
    higher = grow(MaxDet(1e-3), rows.double(), 100, generator=Generator())
    assert lower.ids == higher.ids
    assert lower.gains.dtype == torch.float64
    torch.testing.assert_close(lower.gains, higher.gains, rtol=1e-9, atol=0)
    assert len(grow(MaxDet(0.1), rows.half(), 5, generator=Generator())) == 5


def test_products_choose_what_their_dense_rows_choose():
    rows = Kronecker(random_rows(5, 30, 3), random_rows(6, 30, 4))
    some = grow(MaxDet(0.1), rows, 20, given=rows[[0, 1]], generator=Generator())
    dense = grow(MaxDet(0.1), rows.dense(), 20, given=rows.dense()[[0, 1]], generator=Generator())
    assert some.ids == dense.ids


@pytest.mark.parametrize("kernel", [None, Inner()])
def test_without_noise_what_is_determined_comes_last_in_order_and_is_noted(kernel: Inner | None):
    rows = torch.tensor([[0, 0], [1, 0], [1, 0], [0, 3], [2, 1], [0, 0]], dtype=torch.float64)
    selection = grow(MaxDet(0.0, kernel), rows, 6, generator=Generator())
    assert selection.ids == [3, 4, 0, 1, 2, 5]
    assert selection.gains[:2].tolist() == pytest.approx([9, 4])
    assert selection.gains[2:].tolist() == [0, 0, 0, 0]
    assert "noise is 0" in selection.notes[0]
    assert grow(MaxDet(0.0, kernel), rows, 2, generator=Generator()).notes == ()
    everything = grow(MaxDet(0.0, kernel), rows, 3, given=rows, generator=Generator())
    assert everything.ids == [0, 1, 2]
    assert everything.gains.tolist() == [0, 0, 0]


@pytest.mark.parametrize("kernel", [None, Inner()])
@pytest.mark.parametrize("noise", [0, 1e-3, 1.0])
def test_equal_rows_are_taken_from_the_lowest_on(noise: float, kernel: Inner | None):
    rows = random_rows(7, 1, 5).float().expand(700, 5)
    assert grow(MaxDet(noise, kernel), rows, 10, generator=Generator()).ids == list(range(10))
    zeros = torch.zeros(5, 2)
    assert grow(MaxDet(noise, kernel), zeros, 5, generator=Generator()).ids == list(range(5))


def test_the_laws_of_greedy_rules():
    rows = random_rows(8, 20, 6)
    for rule in (MaxDet(0.1), MaxDet(0.0), MaxDet(0.1, Inner())):
        assert all(finding.passed for finding in check_rule(rule, rows))
    assert all(finding.passed for finding in check_rule(MaxDet(1), rows.float()))
    assert grow(MaxDet(1), rows[:0], 0, generator=Generator()).ids == []
    assert grow(MaxDet(1), rows[:1], 1, generator=Generator()).ids == [0]


@pytest.mark.parametrize("noise", [-1, float("nan"), float("inf")])
def test_noise_must_not_be_negative(noise: float):
    with pytest.raises(ValueError, match="noise is a standard deviation and must be at least 0"):
        MaxDet(noise)


@pytest.mark.parametrize("rows", [torch.zeros(4), torch.zeros(4, 2, 2), torch.zeros(4, 2, dtype=torch.int64)])
def test_rows_that_are_not_features_get_a_sentence(rows: Tensor):
    with pytest.raises(ValueError, match="MaxDet chooses among features of shape"):
        grow(MaxDet(0.1), rows, 1, generator=Generator())


def test_rows_that_are_not_finite_get_a_sentence():
    for bad in (torch.nan, torch.inf):
        with pytest.raises(ValueError, match="features must be finite numbers, but row 1 holds"):
            grow(MaxDet(0.1), ROWS.index_fill(0, torch.tensor([1]), bad), 1, generator=Generator())
        with pytest.raises(ValueError, match="features must be finite numbers, but taken row 0 holds"):
            grow(MaxDet(0.1), ROWS, 1, given=KNOWN[:1] * bad, generator=Generator())
