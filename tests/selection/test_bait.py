"""Bait: the card's numbers, total variances by brute force, and float32 features that choose as exact ones do."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.numerics.inner import Inner
from bayesal.numerics.kronecker import Kronecker
from bayesal.selection import Bait, grow, kernel_variance
from bayesal.testing import check_rule
from bayesal.types import Selection
from tests.selection.oracles_variance import POOL, TRAIN, forward_backward, left, total

seeds = st.integers(0, 2**32 - 1)
KNOWN = torch.tensor(TRAIN, dtype=torch.float64)
ROWS = torch.tensor(POOL, dtype=torch.float64)
REGRESSION = torch.tensor([[1, 0], [0.8, 0.6], [0, 1], [2, -1], [-1, 1]], dtype=torch.float64)
BACKWARD = torch.tensor([[2, 3], [1, 1], [0, -1], [-1, 1], [-2, 3]], dtype=torch.float64)


def random_rows(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def pick(rule: Bait, rows: Tensor, batch_size: int, known: Tensor | None = None) -> Selection:
    return grow(rule, rows, batch_size, given=known, generator=Generator())


def first_gains(rule: Bait, rows: Tensor, known: Tensor | None = None) -> Tensor:
    state = rule.init(rows, generator=Generator())
    return rule.gains(state if known is None else rule.know(state, known))


def brute_force(rows: Tensor, known: Tensor, batch_size: int, noise: float, over_selection: int) -> list[int]:
    features = torch.cat([rows, known]).numpy()
    kernel, given = features @ features.T, list(range(len(rows), len(features)))
    return forward_backward(
        lambda taken: total(kernel, given + taken, noise**2), list(range(len(rows))), batch_size, over_selection
    )


def posterior_features(rows: Tensor, known: Tensor, noise: float) -> Tensor:
    """Written from the formula σ L⁻¹φ, in NumPy."""
    factor = np.linalg.cholesky((known.T @ known).numpy() + noise**2 * np.eye(known.shape[1]))
    return torch.from_numpy(noise * np.linalg.solve(factor, rows.numpy().T).T)


@pytest.mark.parametrize("kernel", [None, Inner()])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("over_selection", [1, 2])
def test_the_worked_numbers(over_selection: int, dtype: torch.dtype, kernel: Inner | None):
    selection = pick(Bait(0.5, over_selection, kernel), ROWS.to(dtype), 3, KNOWN.to(dtype))
    assert selection.ids == [5, 0, 3]
    assert (4.742 - selection.gains.cumsum(0)).tolist() == pytest.approx([2.41882, 0.98012, 0.755187], rel=1e-5)
    first = [1.49831, 1.48763, 2.15858, 2.10042, 1.02227, 2.32318]
    assert first_gains(Bait(0.5, kernel=kernel), ROWS, KNOWN).tolist() == pytest.approx(first, rel=1e-5)
    assert selection.scores.tolist() == pytest.approx([first[5], first[0], first[3]], rel=1e-5)


def objective_after(rows: Tensor, taken: list[int], ridge: float) -> float:
    """The other card's tr M⁻¹F, which is the total variance over N λ if σ² = λ."""
    return total((rows @ rows.T).numpy(), taken, ridge) / (len(rows) * ridge)


def test_the_worked_numbers_of_regression():
    ridge = 0.5
    scale = len(REGRESSION) * ridge
    gains = first_gains(Bait(ridge**0.5), REGRESSION) / scale
    assert gains.tolist() == pytest.approx([1.77067, 0.810667, 0.896, 2.90909, 2.4064], rel=1e-5)
    singletons = [2.22933, 3.18933, 3.104, 1.09091, 1.5936]
    assert (4 - gains).tolist() == pytest.approx(singletons, rel=1e-5)
    best = sorted(combinations(range(5), 2), key=lambda pair: objective_after(REGRESSION, list(pair), ridge))[:4]
    assert best == [(2, 3), (1, 3), (3, 4), (0, 3)]
    for pair, expected in zip(best, [0.596966, 0.605793, 0.840421, 0.864], strict=True):
        rule = Bait(ridge**0.5)
        state = rule.take(rule.init(REGRESSION, generator=Generator()), REGRESSION[[pair[0]]])
        seen = 4 - float(gains[pair[0]] + rule.gains(state)[pair[1]] / scale)
        assert seen == pytest.approx(expected, rel=1e-5)
    assert sorted(pick(Bait(ridge**0.5), REGRESSION, 2).ids) == [2, 3]


@pytest.mark.parametrize("kernel", [None, Inner()])
def test_second_thoughts_drop_the_first_picks(kernel: Inner | None):
    ridge, start = 0.1, float(BACKWARD.square().sum()) / 5 / 0.1
    forward = pick(Bait(ridge**0.5, 1, kernel), BACKWARD, 4)
    assert forward.ids == [2, 1, 4, 0]
    assert start - float(forward.gains[:2].sum()) / (5 * ridge) == pytest.approx(6.73282, rel=1e-5)
    both = pick(Bait(ridge**0.5, kernel=kernel), BACKWARD, 2)
    assert both.ids == [4, 0]
    assert start - float(both.gains.sum()) / (5 * ridge) == pytest.approx(0.478958, rel=1e-5)
    assert objective_after(BACKWARD, [0, 4], ridge) == min(
        objective_after(BACKWARD, list(pair), ridge) for pair in combinations(range(5), 2)
    )


@given(seed=seeds)
@settings(max_examples=4)
def test_each_pick_and_each_drop_is_the_best_by_brute_force(seed: int):
    rows, known = random_rows(seed, 12, 4), random_rows(seed + 1, 3, 4)
    for over_selection in (1, 2):
        expected = brute_force(rows, known, 4, 0.3, over_selection)
        assert pick(Bait(0.3, over_selection), rows, 4, known).ids == expected
        assert pick(Bait(0.3, over_selection, Inner()), rows, 4, known).ids == expected


@given(seed=seeds)
@settings(max_examples=4)
def test_gains_add_up_to_what_is_taken_off_the_total(seed: int):
    rows, known = random_rows(seed, 30, 5), random_rows(seed + 1, 4, 5)
    features = torch.cat([rows, known]).numpy()
    kernel, given = features @ features.T, list(range(30, 34))
    for over_selection in (1, 1.5):
        selection = pick(Bait(0.2, over_selection), rows, 6, known)
        expected = total(kernel, given, 0.04) - total(kernel, given + selection.ids, 0.04)
        assert float(selection.gains.sum()) == pytest.approx(expected, rel=1e-9)
        assert (selection.gains > 0).all()
        for step in range(6):
            before = total(kernel, given + selection.ids[:step], 0.04)
            after = total(kernel, given + selection.ids[: step + 1], 0.04)
            assert float(selection.gains[step]) == pytest.approx(before - after, rel=1e-7)


@given(seed=seeds)
@settings(max_examples=4)
def test_known_rows_given_are_known_rows_in_the_features_that_stand_beside(seed: int):
    rows, known, noise = random_rows(seed, 25, 5), random_rows(seed + 1, 9, 5), 0.5
    inside, beside = posterior_features(rows, known, noise), posterior_features(known, known, noise)
    for over_selection in (1, 2):
        given_ = pick(Bait(noise, over_selection), rows, 4, known)
        for kernel in (None, Inner()):
            counted = pick(Bait(noise, over_selection, kernel, beside), inside, 4)
            assert given_.ids == counted.ids
            torch.testing.assert_close(given_.gains, counted.gains, rtol=1e-9, atol=1e-12)


def test_rows_beside_count_but_teach_nothing():
    rows, beside = ROWS[:2], torch.tensor([[0.0, 10.0]], dtype=torch.float64)
    kernel = torch.cat([rows, beside]).numpy() @ torch.cat([rows, beside]).numpy().T
    expected = [total(kernel, [], 0.25) - total(kernel, [n], 0.25) for n in range(2)]
    for kernel_ in (None, Inner()):
        seen = first_gains(Bait(0.5, kernel=kernel_, beside=beside), rows)
        assert seen.tolist() == pytest.approx(expected)
    assert pick(Bait(0.5), rows, 1).ids == [0]
    assert pick(Bait(0.5, beside=beside), rows, 1).ids == [1]
    both = first_gains(Bait(0.5, beside=beside), rows, KNOWN)
    features = torch.cat([rows, beside, KNOWN]).numpy()
    joint = features @ features.T
    expected = [total(joint, [3, 4], 0.25) - total(joint, [3, 4, n], 0.25) for n in range(2)]
    assert both.tolist() == pytest.approx(expected)


def test_a_forward_batch_begins_like_a_smaller_one_and_ignores_the_order_of_rows():
    rows = random_rows(2, 60, 8)
    batch = pick(Bait(0.1, 1), rows, 30).ids
    assert pick(Bait(0.1, 1), rows, 12).ids == batch[:12]
    order = torch.randperm(60, generator=Generator().manual_seed(0))
    assert order[pick(Bait(0.1, 1), rows[order], 30).positions].tolist() == batch
    both = pick(Bait(0.1), rows, 15).ids
    assert order[pick(Bait(0.1), rows[order], 15).positions].tolist() == both


@pytest.mark.parametrize("noise", [0.1, 1e-3, 1e-5])
@pytest.mark.parametrize("width", [1, 2, 5])
def test_little_noise_and_few_features_are_no_matter_of_precision(width: int, noise: float):
    """With more picks than features all that is left is noise: the oracle has 64 bits of mantissa."""
    rows = random_rows(width, 40, width).float()
    exact = rows.double().numpy().astype(np.longdouble)
    objective = exact.T @ exact

    def value(taken: list[int]) -> Any:
        precision = np.eye(width, dtype=np.longdouble) + exact[taken].T @ exact[taken] / np.longdouble(noise) ** 2
        return np.trace(_inverse(precision) @ objective)

    forward = pick(Bait(noise, 1), rows, 12)
    for step in range(12):
        values = {n: value([*forward.ids[:step], n]) for n in range(40) if n not in forward.ids[:step]}
        assert values[forward.ids[step]] <= min(values.values()) * (1 + 1e-9)
        drop = value(forward.ids[:step]) - value(forward.ids[: step + 1])
        assert float(forward.gains[step]) == pytest.approx(float(drop), rel=1e-6)
    both = pick(Bait(noise), rows, 6)
    fine = 1e-6 if noise >= 1e-3 else 1e-3  # picks dropped are told apart through an inverse of condition 1/σ²
    assert sum(both.gains.tolist()) == pytest.approx(float(value([]) - value(both.ids)), rel=fine)
    kept = list(forward.ids)
    while len(kept) > 6:
        values = {n: value([m for m in kept if m != n]) for n in kept}
        kept.remove(min(values, key=lambda n: values[n]))
    assert both.ids == kept


def _inverse(matrix: np.ndarray) -> np.ndarray:
    """By Gauss and Jordan, in whatever precision; NumPy inverts in float64 at most."""
    size = len(matrix)
    work = np.concatenate([matrix, np.eye(size, dtype=matrix.dtype)], axis=1)
    for i in range(size):
        work[i] /= work[i, i]
        for j in range(size):
            if j != i:
                work[j] -= work[j, i] * work[i]
    return work[:, size:]


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_float32_features_choose_as_float64_does(scale: float):
    rows, known = (random_rows(4, 500, 30) * scale).float(), (random_rows(5, 20, 30) * scale).float()
    for over_selection in (1, 2):
        lower = pick(Bait(1e-3, over_selection), rows, 25, known)
        higher = pick(Bait(1e-3, over_selection), rows.double(), 25, known.double())
        assert lower.ids == higher.ids
        assert lower.gains.dtype == torch.float64
        torch.testing.assert_close(lower.gains, higher.gains, rtol=1e-7, atol=0)
    assert len(pick(Bait(0.1), rows.half(), 5)) == 5


def test_a_screen_bounds_what_it_does_not_compute():
    rows = random_rows(6, 500, 30).float()
    rule = Bait(0.05)
    state: Any = rule.init(rows, generator=Generator())
    for n in range(20):
        state = rule.take(state, rows[[n]])
    least, most = state.screen.bounds
    gains = rule.gains(state)
    assert state.screen.pending.shape[1] > 0
    assert (least <= gains * (1 + 1e-9)).all()
    assert (gains <= most * (1 + 1e-9)).all()
    assert len(state.screen.candidates(torch.ones(500, dtype=torch.bool))) < 50


def test_more_picks_than_features_start_anew_and_change_nothing():
    rows = random_rows(7, 150, 3)
    by_kernel = pick(Bait(0.1, 1, Inner()), rows, 140)
    selection = pick(Bait(0.1, 1), rows, 140)
    assert selection.ids == by_kernel.ids
    torch.testing.assert_close(selection.gains, by_kernel.gains, rtol=1e-6, atol=0)
    rule = Bait(0.1)
    state = rule.take(rule.init(rows, generator=Generator()), rows[:100])
    kernel = (rows @ rows.T).numpy()
    covariance = left(kernel, list(range(100)), 0.01)
    expected = (covariance**2).sum(0) / (covariance.diagonal() + 0.01)
    np.testing.assert_allclose(rule.gains(state).numpy(), expected, rtol=1e-6)


def test_products_choose_what_their_dense_rows_choose():
    rows = Kronecker(random_rows(8, 40, 3), random_rows(9, 40, 4))
    for over_selection in (1, 2):
        some = pick(Bait(0.1, over_selection), rows[2:], 8, rows[[0, 1]])
        dense = pick(Bait(0.1, over_selection), rows.dense()[2:], 8, rows.dense()[[0, 1]])
        assert some.ids == dense.ids
        torch.testing.assert_close(some.gains, dense.gains, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kernel", [None, Inner()])
def test_equal_rows_are_taken_from_the_lowest_on_and_dropped_from_the_lowest_on(kernel: Inner | None):
    rows = random_rows(10, 1, 5).float().expand(700, 5)
    assert pick(Bait(0.3, 1, kernel), rows, 6).ids == list(range(6))
    assert pick(Bait(0.3, 2, kernel), rows, 3).ids == [3, 4, 5]
    zeros = torch.zeros(5, 2)
    assert pick(Bait(0.3, 1, kernel), zeros, 5).ids == list(range(5))
    assert pick(Bait(0.3, 2, kernel), zeros, 2).ids == [2, 3]
    twice = ROWS[[0, 1, 0, 1, 0, 1]]
    assert sorted(pick(Bait(0.3, 3, kernel), twice, 2).ids) == [4, 5]


def test_the_whole_pool_is_a_batch_and_twice_the_batch_at_most_the_pool():
    rows = random_rows(11, 7, 3)
    assert sorted(pick(Bait(0.3), rows, 7).ids) == list(range(7))
    kernel = (rows @ rows.T).numpy()
    assert pick(Bait(0.3), rows, 5).ids == forward_backward(
        lambda taken: total(kernel, taken, 0.09), list(range(7)), 5, 2
    )


def test_the_laws_of_greedy_rules():
    rows = random_rows(12, 20, 6)
    for rule in (Bait(0.1), Bait(0.1, 1), Bait(0.1, kernel=Inner()), Bait(0.1, beside=rows[:3])):
        assert all(finding.passed for finding in check_rule(rule, rows))
    assert all(finding.passed for finding in check_rule(Bait(1), rows.float()))
    assert pick(Bait(1), rows[:0], 0).ids == []
    assert pick(Bait(1), rows[:1], 1).ids == [0]


@pytest.mark.parametrize("noise", [0, -1.0, float("nan"), float("inf")])
def test_noise_must_be_above_zero(noise: float):
    with pytest.raises(ValueError, match="noise is a standard deviation and must be above 0"):
        Bait(noise)


@pytest.mark.parametrize("over_selection", [0.5, float("nan"), float("inf")])
def test_over_selection_must_be_at_least_one(over_selection: float):
    with pytest.raises(ValueError, match="over_selection must be at least 1"):
        Bait(0.1, over_selection)


@pytest.mark.parametrize("rows", [torch.zeros(4), torch.zeros(4, 2, 2), torch.zeros(4, 2, dtype=torch.int64)])
def test_rows_that_are_not_features_get_a_sentence(rows: Tensor):
    with pytest.raises(ValueError, match="Bait chooses among features of shape"):
        pick(Bait(0.1), rows, 1)


def test_bad_features_and_pools_too_large_get_a_sentence(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ValueError, match="features must be finite numbers, but row 1 holds"):
        pick(Bait(0.1), ROWS.index_fill(0, torch.tensor([1]), torch.nan), 1)
    with pytest.raises(ValueError, match="but known row 0 holds"):
        pick(Bait(0.1), ROWS, 1, KNOWN * torch.inf)
    with pytest.raises(ValueError, match="but row beside 0 holds"):
        pick(Bait(0.1, beside=KNOWN * torch.nan), ROWS, 1)
    with pytest.raises(ValueError, match="the rows beside have shape"):
        pick(Bait(0.1, beside=torch.zeros(3, 4)), ROWS, 1)
    with pytest.raises(ValueError, match="D = 10001 is above 10000; sketch"):
        pick(Bait(0.1), torch.zeros(2, 10_001), 1)
    monkeypatch.setattr(kernel_variance, "MOST", 40)
    with pytest.raises(ValueError, match="keeps the covariances of all 6 rows with 8"):
        pick(Bait(0.1, kernel=Inner()), ROWS, 1, KNOWN)


def test_only_what_was_taken_can_be_dropped():
    rule = Bait(0.1)
    state = rule.take(rule.init(ROWS, generator=Generator()), ROWS[[1, 2]])
    few = rule.drop(rule.narrowed(state, torch.tensor([1, 2])), ROWS[[2]])
    assert rule.costs(few).isnan().tolist() == [False, True]
    with pytest.raises(ValueError, match="only points that were taken"):
        rule.drop(few, ROWS[[2]])


def test_places_under_a_kernel_are_taken_and_dropped_as_their_features_are():
    class Covariances:
        def variance(self, rows: Tensor, /) -> Tensor:
            return (features @ features.T).diagonal()[rows]

        def covariance(self, rows: Tensor, points: Tensor, /) -> Tensor:
            return (features @ features.T)[rows][:, points]

    features = random_rows(13, 20, 4)
    by_place = pick(Bait(0.1, kernel=Covariances()), torch.arange(15), 6, torch.arange(15, 20))
    assert by_place.ids == pick(Bait(0.1), features[:15], 6, features[15:]).ids
