"""Frank-Wolfe against its steps, written down one by one."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.numerics.inner import Inner
from bayesal.numerics.kronecker import Kronecker
from bayesal.selection import FrankWolfe, grow
from bayesal.selection.sum_by_features import SumByFeatures
from bayesal.testing import check_rule
from tests.selection.oracles_distance import Dense, frank_wolfe

seeds = st.integers(0, 2**32 - 1)
POOL = torch.tensor([[2, 0.3], [0.2, 1.1], [-0.4, 2.1], [1.6, 1.5], [-1.2, 0.5], [0.1, -2.3]], dtype=torch.float64)


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def picks(rows: Tensor, batch_size: int, given: Tensor | None = None, rule: FrankWolfe | None = None) -> list[int]:
    selection = grow(FrankWolfe() if rule is None else rule, rows, batch_size, given=given, generator=Generator())
    return [int(position) for position in selection.positions]


@pytest.mark.parametrize("kernel", [None, Inner()])
def test_the_worked_numbers(kernel: Inner | None):
    rule = FrankWolfe(kernel)
    state = rule.init(POOL, generator=Generator())
    assert state.radius == pytest.approx(11.0735, rel=1e-5)
    first = [2.74924, 3.55982, 2.71313, 3.86655, -0.892308, -3.09707]
    assert rule.gains(state).tolist() == pytest.approx(first, rel=1e-5)
    selection = grow(rule, POOL, 3, generator=Generator())
    assert selection.ids == [3, 4, 1]
    assert selection.scores.tolist() == pytest.approx([first[3], first[4], first[1]], rel=1e-5)
    reached = rule.take(state, POOL[[3, 4, 1]])
    w = reached.reached if isinstance(reached, SumByFeatures) else reached.weights @ reached.taken
    assert w.tolist() == pytest.approx([2.22488, 3.19762], rel=1e-5)


def test_the_worked_step_sizes():
    rule = FrankWolfe()
    state, sizes = rule.init(POOL, generator=Generator()), []
    for position in (3, 4, 1):
        after = rule.take(state, POOL[[position]])
        assert isinstance(state, SumByFeatures)
        assert isinstance(after, SumByFeatures)
        towards = POOL[position] * state.radius / torch.linalg.vector_norm(POOL[position]) - state.reached
        moved = after.reached - state.reached
        sizes.append(float(moved @ towards / (towards @ towards)))
        torch.testing.assert_close(moved, sizes[-1] * towards)
        state = after
    assert sizes == pytest.approx([0.349171, 0.0445206, 0.0588428], rel=1e-5)


@pytest.mark.parametrize("form", ["float64", "float32", "kernel", "matrix"])
@given(seed=seeds, num_given=st.sampled_from([0, 1, 4]), zeros=st.sampled_from([0, 3]))
@settings(max_examples=15)
def test_picks_and_scores_are_those_of_the_steps(form: str, seed: int, num_given: int, zeros: int):
    rows, known = drawn(seed, 12, 4).float().double(), drawn(seed + 1, num_given, 4).float().double()
    rows[:zeros] = 0
    expected, scores, _ = frank_wolfe(rows.numpy(), known.numpy(), 12)
    everything = torch.cat([rows, known])
    matrix = Dense(everything @ everything.T)
    rule, seen, taken = {
        "float64": (FrankWolfe(), rows, known),
        "float32": (FrankWolfe(), rows.float(), known.float()),
        "kernel": (FrankWolfe(Inner()), rows, known),
        "matrix": (FrankWolfe(matrix), torch.arange(12), torch.arange(12, 12 + num_given)),
    }[form]
    selection = grow(rule, seen, 12, given=taken, generator=Generator())
    assert selection.ids == expected
    np.testing.assert_allclose(selection.scores.numpy(), scores[0][expected], rtol=1e-9, atol=1e-9)
    best = [own[position] for own, position in zip(scores, expected, strict=True)]
    np.testing.assert_allclose(selection.gains.numpy(), best, rtol=1e-7, atol=1e-7)


@given(seed=seeds)
@settings(max_examples=15)
def test_products_choose_what_they_choose_written_down(seed: int):
    products = Kronecker(drawn(seed, 20, 3), drawn(seed + 1, 20, 4))
    dense = products.dense()
    assert picks(products[:16], 12, products[16:]) == picks(dense[:16], 12, dense[16:])


def test_float32_scores_that_are_nearly_equal_are_told_apart():
    """One direction in many lengths, each rounded differently: float64 tells which is best."""
    rows = (drawn(0, 1, 300) * torch.linspace(1, 2, 40, dtype=torch.float64)[:, None]).float()
    exact = rows.double()
    lengths = torch.linalg.vector_norm(exact, dim=1)
    scores = exact @ exact.sum(0) / lengths
    assert picks(rows, 1) == [int(scores.argmax())]


@given(seed=seeds, num_given=st.sampled_from([0, 3]))
@settings(max_examples=15)
def test_laws_of_steps(seed: int, num_given: int):
    rows, known = drawn(seed, 15, 3), drawn(seed + 1, num_given, 3)
    expected = picks(rows, 8, known)
    assert picks(rows, 5, known) == expected[:5]
    assert picks(rows * 4, 8, known * 4) == expected
    order = torch.from_numpy(np.random.default_rng(seed).permutation(15))
    assert order[picks(rows[order], 8, known)].tolist() == expected


@pytest.mark.parametrize("kernel", [None, Inner()])
def test_states_are_values_and_many_steps_are_one_after_the_other(kernel: Inner | None):
    rule = FrankWolfe(kernel)
    start = rule.init(POOL, generator=Generator())
    before = rule.gains(start).clone()
    together = rule.take(start, POOL[[3, 0, 5]])
    apart = rule.take(rule.take(rule.take(start, POOL[[3]]), POOL[[0]]), POOL[[5]])
    torch.testing.assert_close(rule.gains(together), rule.gains(apart), rtol=1e-10, atol=1e-10)
    assert torch.equal(rule.gains(start), before)


@pytest.mark.parametrize("kernel", [None, Inner()])
def test_rows_of_length_0_come_last_step_nowhere_and_are_noted(kernel: Inner | None):
    rows = torch.zeros(5, 2)
    rows[1], rows[3] = torch.tensor([1.0, 0]), torch.tensor([-3.0, -1])
    selection = grow(FrankWolfe(kernel), rows, 5, given=torch.zeros(2, 2), generator=Generator())
    assert selection.ids == [3, 1, 0, 2, 4]
    assert selection.gains[:2].isfinite().all()
    assert selection.gains[2:].tolist() == [-torch.inf] * 3
    assert selection.notes == ("only 2 of 5 rows are longer than 0, so the last picks point nowhere",)
    assert grow(FrankWolfe(kernel), rows, 2, given=rows[[1, 3]], generator=Generator()).notes == ()
    assert grow(FrankWolfe(kernel), torch.zeros(3, 2), 3, generator=Generator()).ids == [0, 1, 2]


def test_identical_rows_and_small_pools():
    assert picks(torch.ones(4, 3), 4) == [0, 1, 2, 3]
    assert picks(drawn(0, 1, 3), 1) == [0]
    assert picks(torch.zeros(0, 3), 0) == []
    assert sorted(picks(drawn(0, 5, 3), 5)) == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="there are only 5 rows"):
        picks(drawn(0, 5, 3), 6)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_what_is_not_finite_gets_a_sentence(bad: float):
    poisoned = POOL.clone()
    poisoned[2, 1] = bad
    with pytest.raises(ValueError, match=r"rows must be finite numbers.* row 2"):
        picks(poisoned, 1)
    with pytest.raises(ValueError, match=r"rows that are given must be finite numbers.* row 2"):
        picks(POOL, 1, poisoned)
    with pytest.raises(ValueError, match="rows' variance must be finite"):
        picks(poisoned, 1, rule=FrankWolfe(Inner()))
    with pytest.raises(ValueError, match="without a kernel rows"):
        picks(torch.zeros(4, 2, 2), 1)


@pytest.mark.parametrize("rows", [drawn(0, 20, 4), drawn(1, 20, 4).float()])
def test_the_laws_of_greedy_rules(rows: Tensor):
    assert all(finding.passed for finding in check_rule(FrankWolfe(), rows))
    assert all(finding.passed for finding in check_rule(FrankWolfe(Inner()), rows))
