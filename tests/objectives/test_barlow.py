"""The Barlow Twins loss against the numbers of its card, sums written down with numpy, and its laws."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.objectives.barlow import barlow_terms, barlow_twins, cross_correlation

FIRST = torch.tensor([[1, 2], [0, -1], [-1, 0.5], [2, -0.5]], dtype=torch.float64)
SECOND = torch.tensor([[0.8, 1.5], [0.2, -1.2], [-1.1, 0], [1.5, 0.4]], dtype=torch.float64)
TINY = 1e-14


def pair(count: int, size: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    views = torch.randn(2, count, size, generator=Generator().manual_seed(seed), dtype=torch.float64).to(dtype)
    return views[0], views[0] + views[1] / 2


def by_hand(first: Tensor, second: Tensor, weight: float, eps: float) -> float:
    """Loops over pairs of features."""
    a, b = first.double().numpy(), second.double().numpy()
    total = 0.0
    for i in range(a.shape[1]):
        for j in range(a.shape[1]):
            one, two = a[:, i] - a[:, i].mean(), b[:, j] - b[:, j].mean()
            c = (one * two).mean() / np.sqrt((one**2).mean() + eps) / np.sqrt((two**2).mean() + eps)
            total += (c - 1) ** 2 if i == j else weight * c**2
    return total


def test_the_numbers_of_the_card() -> None:
    correlations = cross_correlation(FIRST, SECOND, eps=TINY)
    expected = torch.tensor([[0.983146, 0.45169], [-0.0571102, 0.864655]], dtype=torch.float64)
    torch.testing.assert_close(correlations, expected, rtol=1e-5, atol=0)
    invariance, redundancy = barlow_terms(FIRST, SECOND, eps=TINY)
    assert float(invariance) == pytest.approx(0.0186023, rel=1e-5)
    assert float(redundancy) == pytest.approx(0.207286, rel=1e-5)
    assert float(barlow_twins(FIRST, SECOND, eps=TINY)) == pytest.approx(0.0196594, rel=1e-5)
    assert float(barlow_twins(FIRST, SECOND)) == pytest.approx(0.0196619, rel=5e-6)
    unbiased = 0.75 * float(correlations[0, 0])  # (n - 1) / n: a common mistake, which is not made
    assert unbiased == pytest.approx(0.737359, rel=1e-5)


@pytest.mark.parametrize(("count", "size"), [(1, 1), (1, 3), (2, 2), (3, 7), (4, 8), (4, 9), (6, 3), (5, 40)])
@pytest.mark.parametrize(("weight", "eps"), [(0.0051, 1e-5), (0.7, 0.1), (0.0, 1e-12)])
def test_it_is_the_sum_over_pairs_of_features(count: int, size: int, weight: float, eps: float) -> None:
    first, second = pair(count, size)
    loss = barlow_twins(first, second, weight=weight, eps=eps)
    assert float(loss) == pytest.approx(by_hand(first, second, weight, eps), rel=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_both_forms_give_the_same_value_and_gradient(dtype: torch.dtype) -> None:
    first, second = (view.requires_grad_() for view in pair(8, 33, dtype=dtype))  # more than 16 features: N x N
    loss = barlow_twins(first, second)
    correlations = cross_correlation(first, second)
    off = correlations - torch.diag(correlations.diagonal())
    direct = (correlations.diagonal() - 1).square().sum() + 0.0051 * off.square().sum()
    torch.testing.assert_close(loss, direct)
    torch.testing.assert_close(torch.autograd.grad(loss, first), torch.autograd.grad(direct, first), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("count", "size"), [(5, 3), (3, 8)])
def test_its_gradient_is_the_slope(count: int, size: int) -> None:
    views = tuple(view.requires_grad_() for view in pair(count, size))
    assert torch.autograd.gradcheck(barlow_twins, views)
    assert torch.autograd.gradcheck(lambda a, b: barlow_twins(a, b, weight=1.0), views)


@settings(max_examples=25)
@given(st.integers(2, 6), st.integers(1, 20), st.integers(0, 10**6))
def test_shifts_scales_swaps_and_orders_change_nothing(count: int, size: int, seed: int) -> None:
    first, second = pair(count, size, seed)
    loss = barlow_twins(first, second, eps=TINY)
    generator = Generator().manual_seed(seed)
    shift = torch.randn(size, generator=generator, dtype=torch.float64)
    scale = 0.5 + torch.rand(size, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(barlow_twins(first * scale + shift, second, eps=TINY), loss, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(barlow_twins(first, second * scale + shift, eps=TINY), loss, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(barlow_twins(second, first, eps=TINY), loss)
    torch.testing.assert_close(cross_correlation(second, first), cross_correlation(first, second).T)
    order = torch.randperm(count, generator=generator)
    torch.testing.assert_close(barlow_twins(first[order], second[order], eps=TINY), loss)
    columns = torch.randperm(size, generator=generator)
    torch.testing.assert_close(barlow_twins(first[:, columns], second[:, columns], eps=TINY), loss)
    assert cross_correlation(first, second).abs().max() <= 1 + 1e-12


def test_equal_views_of_uncorrelated_features_cost_nothing() -> None:
    signs = torch.tensor([[1, 1], [1, -1], [-1, 1], [-1, -1]], dtype=torch.float64)
    assert float(barlow_twins(signs, 3 * signs + 1, eps=TINY)) == pytest.approx(0, abs=1e-12)
    copies = signs[:, :1].expand(4, 3)
    assert float(barlow_twins(copies, copies, eps=TINY)) == pytest.approx(6 * 0.0051)
    assert float(barlow_twins(copies, -copies, eps=TINY)) == pytest.approx(3 * 4 + 6 * 0.0051)


@pytest.mark.parametrize("size", [1, 2, 12])
def test_one_point_and_constant_features_cost_one_each_and_stay_finite(size: int) -> None:
    first = torch.full((1, size), 3.0, requires_grad=True)
    loss = barlow_twins(first, torch.ones(1, size))
    loss.backward()
    assert float(loss.detach()) == size
    assert first.grad is not None
    assert not first.grad.any()
    views = pair(5, size, dtype=torch.float32)
    views[0][:, 0], views[1][:, 0] = 7.0, -2.0
    rest = barlow_twins(views[0][:, 1:], views[1][:, 1:]) if size > 1 else 0.0
    assert float(barlow_twins(*views)) == pytest.approx(1 + float(rest), rel=1e-4)


@pytest.mark.parametrize("size", [6, 40])
def test_half_precision_is_computed_in_float32_also_under_autocast(size: int) -> None:
    first, second = pair(12, size, dtype=torch.float32)
    loss = barlow_twins(first, second)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(barlow_twins(first, second), loss)
        assert cross_correlation(first, second).dtype == torch.float32
    assert barlow_twins(first.bfloat16(), second.bfloat16()).dtype == torch.float32
    assert barlow_twins(first.double(), second.double()).dtype == torch.float64
    torch.testing.assert_close(barlow_twins(first.double(), second.double()).float(), loss, rtol=1e-4, atol=1e-4)


def test_a_large_mean_costs_float32_no_more_than_its_own_digits() -> None:
    first, second = pair(50, 3, dtype=torch.float32)
    torch.testing.assert_close(barlow_twins(first + 100, second), barlow_twins(first, second), rtol=1e-3, atol=1e-4)


def test_what_is_no_pair_of_views_is_refused() -> None:
    with pytest.raises(ValueError, match=r"two tables of one shape \(N, D\), but these are \(2, 3\) and \(2, 2\)"):
        barlow_twins(torch.ones(2, 3), torch.ones(2, 2))
    with pytest.raises(ValueError, match=r"but these are \(3,\) and \(3,\)"):
        cross_correlation(torch.ones(3), torch.ones(3))
    with pytest.raises(ValueError, match="there are no points to correlate"):
        barlow_twins(torch.ones(0, 3), torch.ones(0, 3))
    with pytest.raises(ValueError, match="eps must be above 0"):
        barlow_twins(FIRST, SECOND, eps=0.0)
    assert bool(barlow_twins(torch.full((3, 2), torch.nan), torch.ones(3, 2)).isnan())
