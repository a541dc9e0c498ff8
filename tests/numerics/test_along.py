"""Products of many rows with one direction, and the row that is best along it, against plain numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.numerics import along
from bayesal.numerics.kronecker import Kronecker

seeds = st.integers(0, 2**32 - 1)


def some_rows(seed: int, dtype: torch.dtype, product: bool) -> Tensor:
    generator = Generator().manual_seed(seed)
    left, right = (torch.randn(9, size, generator=generator, dtype=torch.float64).to(dtype) for size in (3, 4))
    return Kronecker(left, right) if product else left.repeat(1, 2)


def written(rows: Tensor) -> np.ndarray:
    return np.asarray(rows.tolist())


@pytest.mark.parametrize("product", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(seed=seeds)
def test_sums_lengths_and_products_are_those_of_the_rows_written_down(seed: int, dtype: torch.dtype, product: bool):
    rows = some_rows(seed, dtype, product)
    dense = written(rows)
    generator = Generator().manual_seed(seed)
    direction = torch.randn(dense.shape[1], generator=generator, dtype=torch.float64)
    weights = torch.rand(9, generator=generator, dtype=torch.float64)
    near = {"rtol": 1e-12, "atol": 1e-12} if dtype == torch.float64 else {"rtol": 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(along.lengths(rows, "rows"), np.linalg.norm(dense, axis=1), rtol=1e-6)
    np.testing.assert_allclose(along.total(rows), dense.sum(0), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(along.products(rows, direction), dense @ direction.numpy(), **near)
    np.testing.assert_allclose(along.combined(weights, rows), weights.numpy() @ dense, **near)
    exact = along.exact_products(rows, direction)
    assert exact.dtype == torch.float64
    if not product or dtype == torch.float64:  # a product of float32 factors has no float32 rows to compare with
        np.testing.assert_allclose(exact, dense @ direction.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("product", [False, True])
def test_float32_screens_and_float64_decides(product: bool):
    """Rows that differ by less than the rounding of a float32 product are still told apart."""
    generator = Generator().manual_seed(0)
    if product:
        left = torch.randn(1, 40, generator=generator).repeat(50, 1)
        right = torch.randn(1, 40, generator=generator).repeat(50, 1)
        right[:, 0] += torch.rand(50, generator=generator) * 1e-6
        rows: Tensor = Kronecker(left, right)
        exact = torch.einsum("nc,nd->ncd", left.double(), right.double()).flatten(1)
    else:
        rows = torch.randn(1, 900, generator=generator).repeat(50, 1)
        rows[:, 0] += torch.rand(50, generator=generator) * 1e-6
        exact = rows.double()
    direction = torch.randn(exact.shape[1], generator=generator, dtype=torch.float64)
    open_ = torch.ones(50, dtype=torch.bool)
    long = along.lengths(rows, "rows")
    for _ in range(50):
        best, value = along.best_along(rows, long, direction, open_, lambda some, at: some)
        left_over = (exact @ direction).masked_fill(~open_, -torch.inf)
        assert value == pytest.approx(float(left_over.max()), rel=1e-12)
        assert float(left_over[best]) == pytest.approx(float(left_over.max()), rel=1e-13)
        open_[best] = False


def test_of_equal_rows_the_lowest_open_one_is_best():
    rows = torch.ones(4, 3)
    open_ = torch.tensor([False, True, True, True])
    best = along.best_along(
        rows, along.lengths(rows, "rows"), torch.ones(3, dtype=torch.float64), open_, lambda p, _: p
    )
    assert best == (1, 3.0)


def test_the_sum_of_many_float32_rows_is_exact():
    rows = torch.full((100_000, 2), 0.1)
    exact = 100_000 * float(rows[0, 0].double())
    np.testing.assert_allclose(along.total(rows), exact, rtol=1e-10)
    np.testing.assert_allclose(along.total(Kronecker(rows[:, :1], rows)), exact * float(rows[0, 0]), rtol=1e-10)


@pytest.mark.parametrize("rows", [torch.zeros(3), torch.zeros(3, 2, 2), torch.zeros(3, 2, dtype=torch.int64)])
def test_what_are_no_rows_gets_a_sentence(rows: Tensor):
    with pytest.raises(ValueError, match=r"signatures are floats of shape \(N, m\), but these are"):
        along.as_rows(rows, "signatures")


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_what_is_not_finite_is_named(bad: float):
    rows = torch.ones(3, 2)
    rows[1, 0] = bad
    for seen in (rows, Kronecker(rows, torch.ones(3, 2))):
        with pytest.raises(ValueError, match="signatures must be finite numbers, but row 1 holds"):
            along.lengths(seen, "signatures")


def test_half_precision_is_widened_and_nothing_else():
    assert along.as_rows(torch.ones(2, 2, dtype=torch.bfloat16), "rows").dtype == torch.float32
    kept = torch.ones(2, 2, dtype=torch.float64)
    assert along.as_rows(kept, "rows").data_ptr() == kept.data_ptr()
