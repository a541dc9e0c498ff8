"""Thinning keeps every weight on average, and everything when it can."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator

from bayesal.selection.resampling import thin

weight_lists = st.lists(st.floats(0, 1) | st.sampled_from([0.0, 0.5, 1e-12]), max_size=12)


@given(weight_lists, st.integers(1, 12), st.integers(0, 100))
def test_at_most_so_many_are_kept_of_the_same_total(weights: list[float], most: int, seed: int) -> None:
    before = torch.tensor(weights, dtype=torch.float64)
    kept, after = thin(before, most, generator=Generator().manual_seed(seed))
    assert len(kept) <= most
    assert kept.tolist() == sorted(set(kept.tolist()))
    assert (before[kept] > 0).all()
    assert (after > 0).all()
    assert float(after.sum()) == pytest.approx(float(before.sum()), rel=1e-12)


@given(weight_lists)
def test_positive_weights_that_fit_are_kept_as_they_are(weights: list[float]) -> None:
    before = torch.tensor(weights, dtype=torch.float64)
    kept, after = thin(before, max(1, len(weights)), generator=Generator())
    assert kept.tolist() == [i for i, weight in enumerate(weights) if weight > 0]
    assert torch.equal(after, before[kept])


@pytest.mark.parametrize("most", [1, 2, 5, 11])
def test_every_weight_is_right_on_average(most: int) -> None:
    weights = torch.tensor([0.4, 0.01, 0.02, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.03, 0.03, 0.01], dtype=torch.float64)
    draws = torch.zeros(4000, len(weights), dtype=torch.float64)
    for seed, draw in enumerate(draws):
        kept, after = thin(weights, most, generator=Generator().manual_seed(seed))
        draw[kept] = after
    error = (draws.mean(0) - weights).abs()
    assert (error <= 5 * draws.std(0) / len(draws) ** 0.5 + 1e-12).all()


def test_heavy_weights_are_never_touched() -> None:
    weights = torch.tensor([0.01] * 50 + [0.3, 0.2], dtype=torch.float64)
    for seed in range(20):
        kept, after = thin(weights, 12, generator=Generator().manual_seed(seed))
        assert kept[-2:].tolist() == [50, 51]
        assert after[-2:].tolist() == [0.3, 0.2]


def test_strata_spread_over_the_list() -> None:
    """Of 100 equal weights in a row, ten draws take one in each ten: far more even than independent draws."""
    weights = torch.ones(100, dtype=torch.float64)
    kept, _ = thin(weights, 10, generator=Generator().manual_seed(0))
    assert (kept // 10).tolist() == list(range(10))


def test_lists_that_are_periodic_do_not_resonate() -> None:
    """Each pair is (heads, tails): one common offset would take heads everywhere or tails everywhere."""
    weights = torch.ones(400, dtype=torch.float64)
    heads = [int((thin(weights, 200, generator=Generator().manual_seed(s))[0] % 2 == 0).sum()) for s in range(50)]
    assert all(60 < count < 140 for count in heads)
