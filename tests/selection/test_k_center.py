"""Farthest first against every distance, every time."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.numerics.inner import Inner
from bayesal.numerics.kronecker import Kronecker
from bayesal.selection import KCenter, grow, nearest
from bayesal.testing import check_rule
from tests.selection.oracles_distance import Dense, farthest_first, squared_distances

seeds = st.integers(0, 2**32 - 1)
TRAIN = torch.tensor([[1, 0], [0, -1]], dtype=torch.float64)
POOL = torch.tensor([[2, 0.3], [0.2, 1.1], [-0.4, 2.1], [1.6, 1.5], [-1.2, 0.5], [0.1, -2.3]], dtype=torch.float64)


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def picks(rows: Tensor, batch_size: int, given: Tensor | None = None, rule: KCenter | None = None) -> list[int]:
    selection = grow(KCenter() if rule is None else rule, rows, batch_size, given=given, generator=Generator())
    return [int(position) for position in selection.positions]


@pytest.mark.parametrize("kernel", [None, Inner()])
def test_the_worked_numbers(kernel: Inner | None):
    assert picks(POOL, 4, TRAIN, KCenter(kernel)) == [2, 4, 3, 5]
    assert picks(POOL, 4, rule=KCenter(kernel)) == [5, 2, 0, 4]
    line = torch.tensor([[3], [3.1], [2.9], [2.8], [14]], dtype=torch.float64)
    assert picks(line, 2, torch.tensor([[0], [10]], dtype=torch.float64), KCenter(kernel)) == [4, 1]


def test_the_core_set_of_the_card():
    pool = torch.tensor([[1, 0], [0, 3], [4, 0], [4, 3], [1, 1], [-2, 0]], dtype=torch.float64)
    labelled = torch.zeros(1, 2, dtype=torch.float64)
    selection = grow(KCenter(), pool, 3, given=labelled, generator=Generator())
    assert selection.ids == [3, 1, 2]
    assert selection.gains.sqrt().tolist() == pytest.approx([5, 3, 3])
    left = grow(KCenter(), pool, 6, given=labelled, generator=Generator()).gains.sqrt()
    assert float(left[2]) == pytest.approx(3)  # what 2 picks leave uncovered
    assert float(left[3]) == pytest.approx(2)  # ... and 3


@given(seed=seeds, spread=st.sampled_from([0.5, 1, 3]), num_given=st.sampled_from([0, 1, 4]))
@settings(max_examples=20)
def test_picks_are_those_of_all_distances(seed: int, spread: float, num_given: int):
    """Small spreads make grids: many ties and copies."""
    rows, known = (drawn(seed, 14, 2) * spread).round(), (drawn(seed + 1, num_given, 2) * spread).round()
    for make in (Tensor.double, Tensor.float):
        assert picks(make(rows), 14, make(known)) == farthest_first(rows.numpy(), known.numpy(), 14)


@pytest.mark.parametrize("offset", [0.0, 300.0])
@pytest.mark.parametrize("sizes", [(2**22, 2**15, 16, 16), (64, 1, 2, 1), (300, 40, 3, 2)])
def test_laziness_changes_nothing(sizes: tuple[int, ...], offset: float, monkeypatch: pytest.MonkeyPatch):
    for name, value in zip(("PAIRS", "FEW", "FAVOURITES", "RECENT"), sizes, strict=True):
        monkeypatch.setattr(nearest, name, value)
    rows, known = (drawn(0, 150, 6) * drawn(1, 150, 1) + offset).float(), (drawn(2, 9, 6) + offset).float()
    assert picks(rows, 60, known) == farthest_first(rows.double().numpy(), known.double().numpy(), 60)
    assert picks(rows, 60) == farthest_first(rows.double().numpy(), known[:0].double().numpy(), 60)


def test_few_distances_are_computed():
    class Counted(Inner):
        asked = 0

        def covariance(self, rows: Tensor, points: Tensor, /) -> Tensor:
            Counted.asked += len(rows) * len(points)
            return super().covariance(rows, points)

    picks(drawn(0, 5_000, 100), 40, rule=KCenter(Counted()))
    assert Counted.asked < 5_000 * 40 / 2


@given(seed=seeds)
@settings(max_examples=6)
def test_a_kernel_a_matrix_and_products_choose_what_features_choose(seed: int):
    products = Kronecker(drawn(seed, 20, 3), drawn(seed + 1, 20, 4))
    dense = products.dense()
    expected = picks(dense[:16], 12, dense[16:])
    matrix = dense @ dense.T
    assert picks(products[:16], 12, products[16:]) == expected
    assert picks(dense[:16], 12, dense[16:], KCenter(Inner())) == expected
    assert picks(torch.arange(16), 12, torch.arange(16, 20), KCenter(Dense(matrix))) == expected


@given(seed=seeds, num_given=st.sampled_from([0, 3]))
@settings(max_examples=15)
def test_laws_of_distances(seed: int, num_given: int):
    rows, known = drawn(seed, 15, 3), drawn(seed + 1, num_given, 3)
    expected = picks(rows, 8, known)
    assert picks(rows, 5, known) == expected[:5]
    assert picks(rows * 7, 8, known * 7) == expected
    order = torch.from_numpy(np.random.default_rng(seed).permutation(15))
    assert order[picks(rows[order], 8, known)].tolist() == expected
    if num_given:
        assert picks(rows + 5, 8, known + 5) == expected
        assert picks(rows, 8, known.repeat(2, 1)) == expected


@given(seed=seeds)
@settings(max_examples=15)
def test_gains_are_the_radii_left_and_only_fall(seed: int):
    rows = drawn(seed, 12, 2)
    selection = grow(KCenter(), rows, 12, generator=Generator())
    distances = squared_distances(rows.numpy(), rows.numpy())
    for step in range(1, 12):
        left = distances[:, selection.ids[:step]].min(1).max()
        assert float(selection.gains[step]) == pytest.approx(left, rel=1e-12)
    assert (selection.gains[2:] <= selection.gains[1:-1]).all()


def test_states_are_values():
    rule, rows = KCenter(), drawn(0, 40, 3)
    start = rule.take(rule.init(rows, generator=Generator()), rows[[3]])
    one, two = rule.take(start, rows[[5, 7]]), rule.take(start, rows[[9]])
    expected = [squared_distances(rows.numpy(), rows[[3, *more]].numpy()).min(1) for more in ([], [5, 7], [9])]
    open_ = torch.ones(40, dtype=torch.bool)
    for _ in range(2):
        for state, values in zip((start, one, two), expected, strict=True):
            assert rule.best(state, open_) == (int(values.argmax()), pytest.approx(values.max(), rel=1e-12))
            np.testing.assert_allclose(rule.gains(state).numpy(), values, rtol=1e-12)


def test_many_at_once_are_one_after_the_other():
    rule, rows, known = KCenter(), drawn(0, 30, 3), drawn(1, 7, 3)
    together = rule.take(rule.init(rows, generator=Generator()), known)
    apart = rule.init(rows, generator=Generator())
    for row in known.split(1):
        apart = rule.take(apart, row)
    assert torch.equal(rule.gains(together), rule.gains(apart))
    assert torch.equal(together.centre, apart.centre)


@pytest.mark.parametrize("kernel", [None, Inner()])
def test_copies_come_last_in_order_and_are_noted(kernel: Inner | None):
    rows = torch.tensor([[1.0, 0], [1, 0], [0, 2], [1, 0], [0, 2]])
    selection = grow(KCenter(kernel), rows, 5, generator=Generator())
    assert selection.ids == [2, 0, 1, 3, 4]
    assert selection.gains.tolist() == pytest.approx([4, 5, 0, 0, 0])
    assert "every row left is a copy of one that is taken" in selection.notes[0]
    assert grow(KCenter(kernel), rows, 2, generator=Generator()).notes == ()
    assert grow(KCenter(kernel), torch.zeros(3, 2), 3, generator=Generator()).ids == [0, 1, 2]
    assert grow(KCenter(kernel), rows, 1, given=rows, generator=Generator()).notes != ()


def test_copies_beyond_those_looked_at_first_come_last_too():
    """Forty copies of the farthest row, all of which look far until they are compared with the one that is taken."""
    rows = torch.tensor([[10.0]] * 40 + [[5.0], [7.0]])
    selection = grow(KCenter(), rows, 6, given=torch.zeros(1, 1), generator=Generator())
    assert selection.ids == [0, 40, 41, 1, 2, 3]
    assert selection.gains.tolist() == [100, 25, 4, 0, 0, 0]
    alike = torch.ones(100, 2)
    assert picks(alike, 40, torch.zeros(1, 2)) == list(range(40))
    repeated = drawn(1, 30, 2).repeat(20, 1)
    assert sorted(picks(repeated, 30)) == list(range(30))


def test_small_pools():
    assert picks(drawn(0, 1, 3), 1) == [0]
    assert picks(drawn(0, 5, 3), 0) == []
    assert picks(torch.zeros(0, 3), 0) == []
    assert sorted(picks(drawn(0, 5, 3), 5)) == [0, 1, 2, 3, 4]
    assert picks(torch.zeros(3, 0), 3) == [0, 1, 2]
    with pytest.raises(ValueError, match="there are only 5 rows"):
        picks(drawn(0, 5, 3), 6)


def test_rows_that_cannot_be_measured_get_a_sentence():
    with pytest.raises(ValueError, match="without a kernel rows are features"):
        picks(torch.zeros(4, 2, 2), 1)
    with pytest.raises(ValueError, match="rows that are taken must be finite"):
        picks(torch.zeros(4, 2), 1, torch.tensor([[0, torch.nan]]))


@pytest.mark.parametrize("rows", [drawn(0, 20, 4), drawn(1, 20, 4).float()])
def test_the_laws_of_greedy_rules(rows: Tensor):
    assert all(finding.passed for finding in check_rule(KCenter(), rows))
    assert all(finding.passed for finding in check_rule(KCenter(Inner()), rows))


@pytest.mark.parametrize("kernel", [None, Inner()])
def test_where_nothing_is_known_it_can_start_at_the_centre(kernel: Inner | None):
    rows = drawn(4, 40, 3) + 5
    expected = int((rows - rows.mean(0)).square().sum(1).argmin())
    selection = grow(KCenter(kernel, "central"), rows, 4, generator=Generator())
    assert selection.ids[0] == expected
    assert selection.ids[1:] == picks(rows, 3, rows[[expected]])
    assert float(selection.gains[0]) == pytest.approx(
        -squared_distances(rows.numpy(), rows[[expected]].numpy()).mean(), rel=1e-5
    )
    assert picks(rows, 4, TRAIN.repeat(1, 2)[:, :3], KCenter(kernel, "central")) == picks(
        rows, 4, TRAIN.repeat(1, 2)[:, :3]
    )
    products = Kronecker(drawn(0, 20, 3), drawn(1, 20, 4))
    assert picks(products, 5, rule=KCenter(first="central")) == picks(
        products.dense(), 5, rule=KCenter(None, "central")
    )
    assert picks(torch.zeros(0, 3), 0, rule=KCenter(first="central")) == []
    assert all(finding.passed for finding in check_rule(KCenter(kernel, "central"), rows))


@given(seed=seeds, outliers=st.sampled_from([1, 2, 5]), num_given=st.sampled_from([0, 3]))
@settings(max_examples=15)
def test_outliers_are_passed_over(seed: int, outliers: int, num_given: int):
    rows, known = (drawn(seed, 14, 2) * 2).round(), (drawn(seed + 1, num_given, 2) * 2).round()
    expected: list[int] = []
    while len(expected) < 14:
        taken = np.concatenate([known.numpy(), rows[expected].numpy()])
        far = squared_distances(rows.numpy(), taken).min(1) if len(taken) else (rows**2).sum(1).numpy()
        order = sorted((n for n in range(14) if n not in expected), key=lambda n: (-far[n], n))
        expected.append(order[: outliers + 1][-1])
    assert picks(rows, 14, known, KCenter(outliers=outliers)) == expected
    assert picks(rows, 14, known, KCenter(outliers=(outliers - 0.5) / 14)) == expected


def test_an_outlier_is_not_chosen():
    rows = torch.cat([drawn(0, 50, 3), torch.full((1, 3), 100.0).double()])
    assert picks(rows, 1) == [50]
    assert 50 not in picks(rows, 20, rule=KCenter(outliers=0.01))


@pytest.mark.parametrize("setting", [{"first": "any"}, {"outliers": -1}, {"outliers": 1.5}, {"outliers": math.nan}])
def test_settings_out_of_range_get_a_sentence(setting: dict[str, object]):
    with pytest.raises(ValueError, match=r"first is one of|outliers are a number"):
        KCenter(**setting)
