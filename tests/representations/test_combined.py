"""Sums, products, multiples and ensembles of kernels, against matrices added and multiplied by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.numerics.inner import Inner
from bayesal.numerics.kronecker import Kronecker
from bayesal.representations import Part, Product, Represented, Scaled, Sum, ensemble, laplace, linear, ntk, scale

ROWS = torch.from_numpy(np.random.default_rng(0).normal(size=(7, 5)))
seeds = st.integers(0, 2**32 - 1)


def scaled(represented: Represented, factor: float | int | None = None) -> Represented:
    return scale(factor)(represented, generator=Generator())


def matrix(represented: Represented) -> Tensor:
    rows = torch.cat([represented.known, represented.rows])
    return (represented.kernel or Inner()).covariance(rows, rows).double()


def test_parts_read_their_columns_in_their_shape():
    part = Part(1, 5, laplace(), (2, 2))
    torch.testing.assert_close(part.covariance(ROWS, ROWS[:3]), laplace().covariance(ROWS[:, 1:], ROWS[:3, 1:]))
    assert part.of(ROWS).shape == (7, 2, 2)


def test_sums_products_and_multiples():
    first, second = Part(0, 3), Part(1, 5, ntk())
    a, b = (kernel.covariance(ROWS, ROWS) for kernel in (first, second))
    for kernel, expected in (
        (Sum((first, second)), a + b),
        (Product((first, second)), a * b),
        (Scaled(first, 3), 9 * a),
        (Scaled(Sum((first, Product((first, second)))), 0.5), (a + a * b) / 4),
    ):
        torch.testing.assert_close(kernel.covariance(ROWS, ROWS[2:4]), expected[:, 2:4])
        torch.testing.assert_close(kernel.variance(ROWS), expected.diagonal())


def test_float32_rows_are_read_in_float64():
    """1 + 1e-5 squared less 1: a float32 inner product would keep two digits."""
    rows = torch.tensor([[1.0, 1e-5], [1.0, 2e-5]])
    kernel = Sum((Part(0, 1), Part(1, 2)))
    seen = kernel.covariance(rows, rows)
    assert seen.dtype == torch.float64
    np.testing.assert_allclose(seen.numpy(), rows.double().numpy() @ rows.double().numpy().T, rtol=1e-15)


@given(seed=seeds)
def test_scaled_kernels_have_the_mean_one_over_known_points(seed: int):
    rows = torch.from_numpy(np.random.default_rng(seed).normal(size=(6, 3)))
    for kernel in (None, linear(), ntk(), Scaled(ntk(), 5.0)):
        represented = Represented(rows[:2], rows[2:], kernel)
        seen = scaled(represented)
        mean = matrix(represented).diagonal()[:2].mean()
        torch.testing.assert_close(matrix(seen), matrix(represented) / mean)
        torch.testing.assert_close(matrix(scaled(represented, 3)), 9 * matrix(represented))


def test_products_of_rows_are_scaled_in_one_factor():
    known, rows = (Kronecker(some[:, :2].clone(), some[:, 2:].clone()) for some in (ROWS[:3], ROWS[3:]))
    seen = scaled(Represented(known, rows))
    assert isinstance(seen.rows, Kronecker)
    assert isinstance(seen.known, Kronecker)
    assert float(seen.known.dense().square().sum(1).mean()) == pytest.approx(1)
    torch.testing.assert_close(
        seen.rows.dense() / rows.dense(), torch.full((4, 6), float(seen.rows[0, 0] / rows[0, 0])).double()
    )


def test_float32_rows_stay_float32_and_tiny_or_huge_ones_are_scaled():
    for size in (1e-25, 1.0, 1e25):
        represented = Represented(ROWS[:2].float() * size, ROWS[2:].float() * size)
        seen = scaled(represented)
        assert seen.rows.dtype == torch.float32
        torch.testing.assert_close(
            seen.rows, scaled(Represented(ROWS[:2], ROWS[2:])).rows.float(), rtol=1e-5, atol=1e-6
        )


def test_an_ensemble_of_features_is_features_side_by_side():
    first, second = Represented(ROWS[:2, :3], ROWS[2:, :3]), Represented(ROWS[:2, 3:], ROWS[2:, 3:], linear())
    seen = ensemble([first, second])
    assert seen.kernel is None
    assert torch.equal(seen.rows, ROWS[2:])
    assert torch.equal(seen.known, ROWS[:2])
    torch.testing.assert_close(matrix(seen), matrix(first) + matrix(second))


def test_an_ensemble_of_kernels_is_their_sum():
    images = ROWS[:, :4].reshape(7, 2, 2)
    labels = torch.arange(2.0)
    members = [
        Represented(ROWS[:2], ROWS[2:], ntk(), labels, ("a note",)),
        Represented(images[:2], images[2:], laplace(), notes=("a note", "another")),
        Represented(Kronecker(ROWS[:2, :2], ROWS[:2, 2:]), Kronecker(ROWS[2:, :2], ROWS[2:, 2:])),
        Represented(ROWS[:2, :1], ROWS[2:, :1]),
    ]
    seen = ensemble(members)
    expected = sum(matrix(member) for member in members[:2])
    products = (ROWS[:, :2] @ ROWS[:, :2].T) * (ROWS[:, 2:] @ ROWS[:, 2:].T)
    torch.testing.assert_close(matrix(seen), expected + products + ROWS[:, :1] @ ROWS[:, :1].T)
    assert seen.labels is labels
    assert seen.notes == ("a note", "another")


def test_bad_input_gets_a_sentence():
    represented = Represented(ROWS[:2], ROWS[2:])
    for call, sentence in (
        (
            lambda: scaled(Represented(ROWS[:0], ROWS)),
            "divides by the mean of the kernel over known rows, but there are none",
        ),
        (lambda: scaled(Represented(ROWS[:2] * 0, ROWS)), "but it is 0; give a factor"),
        (lambda: scaled(Represented(ROWS[:2] * 0, ROWS, ntk())), "but it is 0; give a factor"),
        (lambda: scaled(Represented(ROWS[:2], ROWS * torch.nan)), "rows must be finite"),
        (lambda: scaled(Represented(ROWS[:2], ROWS * torch.nan, laplace())), "rows must be finite"),
        (lambda: scale(0), "a factor of features is a number above 0, but it is 0"),
        (lambda: scale(float("nan")), "a factor of features is a number above 0"),
        (lambda: ensemble([]), "at least one"),
        (lambda: ensemble([represented, Represented(ROWS[:1], ROWS[1:])]), "must be of the same points"),
        (lambda: ensemble([represented, Represented(torch.arange(2), torch.arange(5), ntk())]), "one kind of number"),
        (lambda: ensemble([replace(represented, rows=ROWS[2:] * torch.nan)]), "rows must be finite"),
    ):
        with pytest.raises(ValueError, match=sentence):
            call()


def test_they_print_their_settings():
    assert repr(Scaled(Sum((Part(0, 2), Part(2, 4, ntk()))), 2.0)).startswith("Scaled(kernel=Sum(kernels=(Part(start=0")
    assert repr(scale()) == "Scale(factor=None)"
