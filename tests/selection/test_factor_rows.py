"""Rows of factors, dense and as products, against NumPy on written-down float64 rows."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.numerics.kronecker import Kronecker
from bayesal.selection import factor_rows
from bayesal.selection.factor_rows import against, applied, moment, norms, quadratics, same, written

seeds = st.integers(0, 2**32 - 1)
KINDS = ["features", "blocks", "products"]


def random_rows(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def rows_of(kind: str, seed: int, n: int = 9, dtype: torch.dtype = torch.float64) -> Tensor:
    """``n 1 6``, ``n 4 6``, or ``n 4 6`` as products."""
    if kind == "features":
        return random_rows(seed, n, 1, 6).to(dtype)
    if kind == "blocks":
        return random_rows(seed, n, 4, 6).to(dtype)
    return Kronecker(random_rows(seed, n, 4, 3).to(dtype), random_rows(seed + 1, n, 2).to(dtype))


def exact(rows: Tensor) -> np.ndarray:
    """Written down by NumPy, in float64 before anything is multiplied."""
    if not isinstance(rows, Kronecker):
        return rows.double().numpy()
    left, right = rows.left.double().numpy(), rows.right.double().numpy()
    return np.stack([np.kron(left[n], right[n][None]) for n in range(len(rows))])


def symmetric(seed: int) -> Tensor:
    root = random_rows(seed, 6, 6)
    return root + root.mT


@pytest.fixture(params=[1, 50, 2**21], autouse=True)
def block_size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One point a block, some, and all: how rows are cut changes nothing."""
    monkeypatch.setattr(factor_rows, "ELEMENTS", request.param)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("kind", KINDS)
def test_products_are_those_of_numpy_in_float64(kind: str, dtype: torch.dtype):
    for n in (1, 2, 9):
        rows, matrix = rows_of(kind, 0, n, dtype), symmetric(1)
        values, m = exact(rows), matrix.numpy()
        close = {"rtol": 1e-12, "atol": 1e-12}
        np.testing.assert_allclose(written(rows).numpy(), values, rtol=0, atol=0)
        np.testing.assert_allclose(quadratics(rows, matrix).numpy(), values @ m @ values.swapaxes(1, 2), **close)
        np.testing.assert_allclose(quadratics(rows, 0.3).numpy(), 0.3 * values @ values.swapaxes(1, 2), **close)
        np.testing.assert_allclose(moment(rows).numpy(), np.einsum("nrd,nre->de", values, values), **close)
        np.testing.assert_allclose(applied(rows[:1], matrix).numpy(), values[0] @ m, **close)
        np.testing.assert_allclose(applied(rows[:1], 0.3).numpy(), 0.3 * values[0], **close)
        np.testing.assert_allclose(norms(rows).numpy(), np.sqrt((values**2).sum((1, 2))), rtol=1e-12)
        np.testing.assert_allclose(against(rows, matrix[:4]).numpy(), values @ m[:4].T, **close)


@pytest.mark.parametrize("kind", KINDS)
def test_no_rows_are_no_rows(kind: str):
    rows, matrix = rows_of(kind, 0)[:0], symmetric(1)
    assert moment(rows).tolist() == torch.zeros(6, 6).tolist()
    assert quadratics(rows, matrix).shape == (0, rows.shape[1], rows.shape[1])
    assert against(rows, matrix).shape == (0, rows.shape[1], 6)
    assert norms(rows).shape == (0,)


def test_directions_of_a_lower_type_are_met_in_it():
    for kind in KINDS:
        rows, directions = rows_of(kind, 2), symmetric(3)
        seen = against(rows, directions.float())
        assert seen.dtype == torch.float32
        np.testing.assert_allclose(seen.numpy(), exact(rows) @ directions.numpy().T, rtol=1e-4, atol=1e-5)


@given(seed=seeds)
@settings(max_examples=10)
def test_only_the_very_same_numbers_are_the_same(seed: int):
    for kind in KINDS:
        rows = rows_of(kind, seed)[[0, 1, 2, 0, 2, 2]]
        assert same(rows, rows[[2]]).tolist() == [False, False, True, False, True, True]
        assert same(rows, rows_of(kind, seed + 1)[:1]).tolist() == [False] * 6
    assert same(torch.tensor([3, 1, 3]), torch.tensor([3])).tolist() == [True, False, True]


def test_rows_that_are_no_factors_get_a_sentence():
    for bad in (torch.zeros(3), torch.zeros(3, 0), torch.zeros(3, 2, dtype=torch.int64), torch.zeros(3, 2, 2, 2)):
        with pytest.raises(ValueError, match="Someone chooses among features of shape"):
            factor_rows.factor_rows(bad, "Someone")
    assert factor_rows.factor_rows(torch.zeros(3, 2).half(), "Someone").dtype == torch.float32
    assert isinstance(factor_rows.factor_rows(Kronecker(torch.ones(3, 2), torch.ones(3, 4)), "Someone"), Kronecker)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_finite_is_found(kind: str, bad: float):
    rows = rows_of(kind, 4)
    if isinstance(rows, Kronecker):
        broken = Kronecker(rows.left, rows.right.index_fill(0, torch.tensor([5]), bad))
    else:
        broken = rows.index_fill(0, torch.tensor([5]), bad)
    with pytest.raises(ValueError, match="features must be finite numbers, but this row 5 holds NaN or infinity"):
        norms(broken, "this row")
