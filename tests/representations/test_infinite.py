"""Kernels of infinitely wide networks against the card, integrals over Gaussians, and wide networks."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator

from bayesal.representations import Represented, laplace, nngp, ntk, posterior
from tests.representations.oracles import finite_network_kernels, network_kernels

X = torch.tensor([[1, 2, -0.5]], dtype=torch.float64)
Y = torch.tensor([[0.3, -1, 2]], dtype=torch.float64)
seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ((1, 2, 0), (-1.8, -1.8, 3.5, 3.5)),
        ((2, 2, 0), (0.350326, -0.234803, 3.5, 7)),
        ((3, 2, 0), (1.27781, 1.15280, 3.5, 10.5)),
        ((3, 0.0625, 0), (3.89957e-05, 3.51807e-05, 1.06812e-04, 3.20435e-04)),
        ((3, 1.5, 0.2), (0.943139, 1.01853, 1.93906, 5.26719)),
    ],
)
def test_the_worked_numbers(settings: tuple, expected: tuple):
    at_random, tangent = nngp(*settings), ntk(*settings)
    seen = [
        float(value)
        for value in (
            at_random.covariance(X, Y),
            tangent.covariance(X, Y),
            at_random.variance(X),
            tangent.variance(X),
        )
    ]
    assert seen == pytest.approx(expected, rel=5e-6)


@settings(max_examples=10)
@given(seed=seeds, depth=st.integers(1, 4), weights=st.floats(0.1, 3), biases=st.floats(0, 1))
def test_the_recursion_is_what_the_integrals_are(seed: int, depth: int, weights: float, biases: float):
    x, y = np.random.default_rng(seed).normal(size=(2, 5))
    expected = network_kernels(x, y, depth, weights, biases)
    rows, points = torch.from_numpy(x)[None], torch.from_numpy(y)[None]
    seen = [float(kernel(depth, weights, biases).covariance(rows, points)) for kernel in (nngp, ntk)]
    np.testing.assert_allclose(seen, expected, rtol=1e-7, atol=1e-9)


def test_wide_networks_come_near():
    x, y = X[0].numpy(), Y[0].numpy()
    rng = np.random.default_rng(0)
    seen = np.mean([finite_network_kernels(x, y, 1.5, 0.2, 400, rng) for _ in range(60)], 0)
    expected = [float(kernel(3, 1.5, 0.2).covariance(X, Y)) for kernel in (nngp, ntk)]
    np.testing.assert_allclose(seen, expected, rtol=0.05)


@given(seed=seeds, depth=st.integers(1, 6))
def test_with_doubled_weights_and_no_biases_variances_stay_as_they_are(seed: int, depth: int):
    rows = torch.from_numpy(np.random.default_rng(seed).normal(size=(4, 3)))
    first = rows.square().sum(1) * 2 / 3
    torch.testing.assert_close(nngp(depth).variance(rows), first)
    torch.testing.assert_close(ntk(depth).variance(rows), depth * first)


@pytest.mark.parametrize("kernel", [nngp(4, 1.5, 0.1), ntk(4, 1.5, 0.1), ntk(), laplace(0.7)])
def test_a_copy_has_the_covariance_that_its_variance_says(kernel):
    rows = torch.randn(50, 7, generator=Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(
        kernel.covariance(rows, rows.clone()).diagonal(), kernel.variance(rows), rtol=1e-14, atol=0
    )


@pytest.mark.parametrize("make", [nngp, ntk])
@given(seed=seeds)
def test_matrices_are_symmetric_and_positive_semi_definite(make, seed: int):
    rows = torch.from_numpy(np.random.default_rng(seed).normal(size=(12, 3)))
    matrix = make(3, 1.0, 0.1).covariance(rows, rows)
    torch.testing.assert_close(matrix, matrix.T)
    assert float(torch.linalg.eigvalsh(matrix).min()) > -1e-9


def test_opposite_and_zero_rows_divide_by_nothing():
    rows = torch.tensor([[1.0, 2.0], [-1.0, -2.0], [0.0, 0.0], [1e-200, 0.0]], dtype=torch.float64)
    for kernel in (nngp(), ntk(), nngp(3, 2, 0.5), ntk(3, 2, 0.5)):
        matrix = kernel.covariance(rows, rows)
        assert matrix.isfinite().all()
        torch.testing.assert_close(matrix.diagonal(), kernel.variance(rows), rtol=1e-12, atol=1e-300)
    assert float(nngp(2).covariance(rows[:1], rows[1:2])) == pytest.approx(0, abs=1e-12)  # never active together
    assert ntk().covariance(rows, rows)[2].tolist() == [0, 0, 0, 0]


def test_inputs_are_laid_flat_and_float32_is_only_rounding():
    images = torch.randn(5, 2, 3, generator=Generator().manual_seed(0))
    for kernel in (nngp(), ntk(), laplace()):
        seen = kernel.covariance(images, images[:2])
        assert seen.dtype == torch.float64
        assert torch.equal(seen, kernel.covariance(images.flatten(1).double(), images[:2].flatten(1).double()))
        assert kernel.variance(images).dtype == torch.float64
        assert kernel.covariance(images[:0], images).shape == (0, 5)
        assert kernel.variance(images[:0]).shape == (0,)


def test_values_do_not_depend_on_the_block(monkeypatch):
    rows = torch.randn(40, 6, generator=Generator().manual_seed(1), dtype=torch.float64)
    whole = [kernel.covariance(rows, rows[:7]) for kernel in (nngp(), ntk(), laplace())]
    monkeypatch.setattr("bayesal.representations.blockwise.ELEMENTS", 20)
    for expected, kernel in zip(whole, (nngp(), ntk(), laplace()), strict=True):
        torch.testing.assert_close(kernel.covariance(rows, rows[:7]), expected, rtol=1e-13, atol=1e-15)


@given(seed=seeds)
def test_laplace_is_the_exponential_of_distances(seed: int):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(4, 3))
    expected = np.exp(-0.7 * np.sqrt(((x[:, None] - y[None]) ** 2).sum(-1)))
    seen = laplace(0.7).covariance(torch.from_numpy(x), torch.from_numpy(y))
    np.testing.assert_allclose(seen.numpy(), expected, rtol=1e-12)


def test_laplace_is_positive_semi_definite_far_from_zero_and_with_copies():
    """Where distances out of products of rows would have lost 1e-4 of a unit."""
    rows = torch.randn(40, 3, generator=Generator().manual_seed(0), dtype=torch.float64) + 1e4
    rows = torch.cat([rows, rows[:10]])
    matrix = laplace().covariance(rows, rows)
    assert float(torch.linalg.eigvalsh(matrix).min()) > -1e-12
    assert matrix[:10, 40:].diagonal().tolist() == [1] * 10


def test_bad_settings_and_inputs_get_a_sentence():
    for call, sentence in (
        (lambda: nngp(0), "at least one linear layer, but depth is 0"),
        (lambda: ntk(2, -1.0), "weight_variance is a number above 0"),
        (lambda: ntk(2, 1.0, float("nan")), "bias_variance one of at least 0"),
        (lambda: laplace(0.0), "scale of a Laplace kernel is a number above 0, but it is 0.0"),
        (lambda: ntk().variance(torch.tensor([[1.0], [torch.nan]])), "but row 1 holds NaN or infinity"),
        (lambda: laplace().variance(torch.tensor([[1.0], [torch.nan]])), "but row 1 holds NaN or infinity"),
        (lambda: nngp().covariance(torch.ones(2, 2, dtype=torch.int64), torch.ones(2, 2)), "needs floats"),
        (
            lambda: posterior(1.0)(Represented(X, torch.full_like(X, torch.nan), laplace()), generator=Generator()),
            "rows must be finite numbers, but row 0 holds NaN",
        ),
    ):
        with pytest.raises(ValueError, match=sentence):
            call()


def test_they_print_their_settings():
    assert "depth=3" in repr(ntk())
    assert repr(nngp()) != repr(ntk())
    assert repr(laplace(0.5)) == "Laplace(scale=0.5)"
