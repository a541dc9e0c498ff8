"""Fewer numbers, the same inner products; where nothing is gained, nothing changes."""

import pytest
import torch
from torch import Generator, Tensor

from bayesal.numerics.inner import Inner
from bayesal.numerics.kronecker import Kronecker
from bayesal.representations import Represented, spanned
from bayesal.selection import FisherBait, grow


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def on_span(known: Tensor, rows: Tensor) -> Represented:
    return spanned()(Represented(known, rows), generator=Generator())


@pytest.mark.parametrize("rank", [3, 1, 0])
def test_inner_products_stay(rank: int) -> None:
    every = drawn(9, rank) @ drawn(rank, 40, seed=1)
    found = on_span(every[:2], every[2:])
    assert found.rows.shape == (7, 9)
    both = torch.cat([found.known, found.rows])
    torch.testing.assert_close(both @ both.mT, every @ every.mT, rtol=1e-12, atol=1e-12)


def test_float32_rows_lose_nothing() -> None:
    rows = drawn(5, 30).float()
    found = on_span(rows[:0], rows)
    assert found.rows.dtype == torch.float64
    torch.testing.assert_close(found.rows @ found.rows.mT, rows.double() @ rows.double().mT, rtol=1e-12, atol=1e-12)


def test_nothing_changes_where_rows_are_no_fewer_than_features() -> None:
    known, rows = drawn(2, 6), drawn(4, 6, seed=1)
    found = on_span(known, rows)
    assert found.known is known
    assert found.rows is rows
    with_kernel = Represented(known[:1], rows[:1], Inner())
    assert spanned()(with_kernel, generator=Generator()) is with_kernel
    deep = Represented(drawn(1, 2, 6), drawn(2, 2, 6))
    assert spanned()(deep, generator=Generator()) is deep


@pytest.mark.parametrize("rank", [1, 3])
def test_bait_chooses_the_same_on_products(rank: int) -> None:
    left, right = drawn(12, rank, 4), drawn(12, 50, seed=1)
    rows = Kronecker(left, right)
    found = on_span(rows[:3], rows[3:])
    assert isinstance(found.rows, Kronecker)
    assert found.rows.shape == (9, rank, 4 * 12)
    rule = FisherBait(0.1)
    there, here = (
        grow(rule, of.rows, 4, given=of.known, generator=Generator()) for of in (Represented(rows[:3], rows[3:]), found)
    )
    assert there.positions.tolist() == here.positions.tolist()
    torch.testing.assert_close(here.gains, there.gains, rtol=1e-9, atol=1e-12)


def test_what_is_not_a_number_is_refused() -> None:
    rows = drawn(3, 10)
    rows[1, 2] = torch.nan
    with pytest.raises(ValueError, match="row 1 holds NaN"):
        on_span(rows[:0], rows)
