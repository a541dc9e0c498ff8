"""Distances against every difference in float64."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.numerics.distance.of import measured
from bayesal.numerics.inner import Inner
from bayesal.numerics.kronecker import Kronecker

seeds = st.integers(0, 2**32 - 1)


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def written(rows: Tensor) -> np.ndarray:
    """In float64, before anything is rounded."""
    if isinstance(rows, Kronecker):
        rows = Kronecker(rows.left.double(), rows.right.double()).dense()
    return rows.double().numpy()


def differences(rows: Tensor, others: Tensor) -> np.ndarray:
    return ((written(rows)[:, None] - written(others)[None]) ** 2).sum(2)


def nearest(rows: Tensor, others: Tensor, below: Tensor, kernel: Inner | None = None) -> tuple[Tensor, Tensor]:
    """By ``closer``, all rows: the squared distances, and which is nearest; -1 where none is nearer than ``below``."""
    ready = measured(rows, kernel)
    positions, squared, which = ready.closer(slice(0, len(rows)), ready.beside(others), below)
    least, nearer = below.clone(), torch.full((len(rows),), -1)
    least[positions], nearer[positions] = squared, which
    return least, nearer


KINDS: dict[str, Callable[[Tensor], Tensor]] = {
    "float64": lambda rows: rows,
    "float32": lambda rows: rows.float(),
    "far from 0": lambda rows: (rows + 1000).float(),
    "tiny": lambda rows: (rows * 1e-30).float(),
    "huge": lambda rows: (rows * 1e25).float(),
    "huge in float64": lambda rows: rows * 1e100,
    "rounded": lambda rows: (rows * 2).round(),
    "bfloat16": lambda rows: rows.bfloat16(),
    "products": lambda rows: Kronecker(rows[:, :2].contiguous(), rows[:, 2:].contiguous()),
    "products in float32": lambda rows: Kronecker(rows[:, :2].float(), (rows[:, 2:] * 1e25).float()),
}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20)
@given(seed=seeds, num_others=st.sampled_from([1, 2, 7]))
def test_the_nearest_is_the_nearest_by_differences(kind: str, seed: int, num_others: int):
    rows, others = KINDS[kind](drawn(seed, 12, 5)), KINDS[kind](drawn(seed + 1, num_others, 5))
    expected = differences(rows, others)
    scale = expected.max()
    least, which = nearest(rows, others, torch.full((12,), torch.inf, dtype=torch.float64))
    np.testing.assert_allclose(least.numpy(), expected.min(1), rtol=1e-12, atol=1e-14 * scale)
    chosen = expected[range(12), which.numpy()]
    np.testing.assert_allclose(chosen, expected.min(1), rtol=1e-12, atol=1e-14 * scale)
    half = torch.from_numpy(np.median(expected, axis=1))
    least, which = nearest(rows, others, half)
    np.testing.assert_allclose(least.numpy(), np.minimum(half.numpy(), expected.min(1)), rtol=1e-12, atol=1e-14 * scale)
    assert (which[torch.from_numpy(expected.min(1)) < half * (1 - 1e-12)] >= 0).all()
    assert (which[least >= half] == -1).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize("kernel", [None, Inner()])
def test_copies_are_at_0_and_ties_go_to_the_first(dtype: torch.dtype, offset: float, kernel: Inner | None):
    rows = (drawn(0, 40, 33) + offset).to(dtype)
    least, which = nearest(rows, rows.repeat(2, 1), torch.full((40,), torch.inf, dtype=torch.float64), kernel)
    assert least.tolist() == [0] * 40
    assert which.tolist() == list(range(40))


def test_copies_of_products_are_at_0():
    rows = Kronecker(drawn(0, 40, 3), drawn(1, 40, 50))
    least, which = nearest(rows, rows[:], torch.full((40,), torch.inf, dtype=torch.float64))
    assert least.tolist() == [0] * 40
    assert which.tolist() == list(range(40))


def test_float32_rows_closer_than_float32_products_can_tell_are_told_apart():
    rows = (1 + torch.arange(6) * 2.0**-22)[:, None].repeat(1, 64).float()
    least, which = nearest(rows, rows[[1, 4]], torch.full((6,), torch.inf, dtype=torch.float64))
    assert which.tolist() == [0, 0, 0, 1, 1, 1]
    assert least.tolist() == [64 * 2.0**-44, 0, 64 * 2.0**-44, 64 * 2.0**-44, 0, 64 * 2.0**-44]


def test_products_that_torch_may_round_more_change_nothing():
    rows, others = drawn(0, 200, 64).float(), drawn(1, 30, 64).float()
    far = torch.full((200,), torch.inf, dtype=torch.float64)
    expected = nearest(rows, others, far)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        seen = nearest(rows, others, far)
    finally:
        torch.set_float32_matmul_precision(before)
    assert all(torch.equal(one, two) for one, two in zip(seen, expected, strict=True))


def test_others_far_outside_are_measured_too():
    rows = torch.zeros(3, 2)
    least, which = nearest(rows, torch.full((1, 2), 1e30), torch.full((3,), torch.inf, dtype=torch.float64))
    assert which.tolist() == [0, 0, 0]
    np.testing.assert_allclose(least.numpy(), 2e60, rtol=1e-6)


@pytest.mark.parametrize("kind", ["float64", "far from 0", "products"])
def test_squared_norms_are_of_the_rows_as_given(kind: str):
    rows = KINDS[kind](drawn(0, 12, 5))
    expected = np.square(rows.numpy().astype(float)).sum(1)
    for kernel in (None, Inner()):
        np.testing.assert_allclose(measured(rows, kernel).squared_norms().numpy(), expected, rtol=1e-12)


def test_rows_are_left_as_they_were():
    rows, others = drawn(0, 12, 5), drawn(1, 3, 5)
    before = rows.clone(), others.clone()
    measured(rows, None).squared_norms()
    nearest(rows, others, torch.full((12,), torch.inf, dtype=torch.float64))
    assert torch.equal(rows, before[0])
    assert torch.equal(others, before[1])


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, 1e150])
@pytest.mark.parametrize("kind", ["float64", "products"])
def test_what_is_not_finite_is_refused_with_its_row(bad: float, kind: str):
    rows = drawn(0, 6, 5)
    poisoned = rows.clone()
    poisoned[4, 3] = bad
    with pytest.raises(ValueError, match=r"^rows must be finite numbers .* row 4 holds NaN"):
        measured(KINDS[kind](poisoned), None)
    with pytest.raises(ValueError, match=r"^rows that are taken must be finite numbers .* row 4"):
        measured(KINDS[kind](rows), None).beside(KINDS[kind](poisoned))


def test_a_kernel_that_is_not_finite_is_refused():
    class Broken(Inner):
        def covariance(self, rows: Tensor, points: Tensor, /) -> Tensor:
            return super().covariance(rows, points) * torch.nan

    with pytest.raises(ValueError, match="between some rows this one is NaN or infinite"):
        nearest(drawn(0, 3, 2), drawn(1, 2, 2), torch.full((3,), torch.inf, dtype=torch.float64), Broken())
    with pytest.raises(ValueError, match="the rows' variance must be finite"):
        measured(drawn(0, 3, 2) * torch.nan, Inner())


def test_rows_of_another_kind_get_a_sentence():
    for rows in (torch.zeros(4), torch.zeros(4, 2, 2), torch.zeros(4, 2, dtype=torch.int64)):
        with pytest.raises(ValueError, match=r"without a kernel rows are features of shape \(N, D\), but these are"):
            measured(rows, None)
    with pytest.raises(ValueError, match="give Kronecker rows"):
        measured(Kronecker(drawn(0, 4, 2), drawn(1, 4, 3)), None).beside(drawn(2, 1, 6))
