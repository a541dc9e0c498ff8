"""Sparse approximation of log-posteriors: gradients and random values, against formulas and draws in NumPy."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator

from bayesal.numerics.inner import Inner
from bayesal.numerics.kronecker import Kronecker
from bayesal.representations import Represented, acs_grad, acs_rf, acs_rf_hyper, laplace, ntk, sketch
from tests.representations.oracles import conditioned

KNOWN = torch.tensor([[1, 0], [0, -1]], dtype=torch.float64)
POOL = torch.tensor([[2, 0.3], [0.2, 1.1], [-0.4, 2.1], [1.6, 1.5], [-1.2, 0.5], [0.1, -2.3]], dtype=torch.float64)
LABELS = torch.tensor([1.5, -0.5])
CARD = Represented(KNOWN, POOL, labels=LABELS)
seeds = st.integers(0, 2**32 - 1)


def applied(transform, represented: Represented, seed: int = 0) -> Represented:
    return transform(represented, generator=Generator().manual_seed(seed))


def matrix(represented: Represented) -> np.ndarray:
    kernel = represented.kernel or Inner()
    rows = torch.cat([represented.known, represented.rows])
    return kernel.covariance(rows, rows).double().numpy()


def some_points(seed: int, known: int = 5, pool: int = 4) -> Represented:
    rng = np.random.default_rng(seed)
    points = torch.from_numpy(rng.normal(size=(known + pool, 3)))
    return Represented(points[:known], points[known:], labels=torch.from_numpy(rng.normal(size=known)))


def test_the_worked_numbers_of_gradients():
    """The inputs of a linear regression whose posterior covariance is [[.5, .1], [.1, .3]] at σ² = .25."""
    rows = torch.tensor([[1, 0], [0.8, 0.6], [0, 1], [2, -1], [-1, 1]], dtype=torch.float64)
    precision = np.linalg.inv([[0.5, 0.1], [0.1, 0.3]])
    known = torch.from_numpy(np.linalg.cholesky(0.25 * (precision - np.eye(2))).T)
    seen = matrix(applied(acs_grad(0.5), Represented(known, rows)))[2:, 2:]
    assert seen.diagonal().tolist() == pytest.approx([8, 8.384, 4.8, 152, 19.2])
    assert seen[0, 1] == pytest.approx(5.888)
    assert seen[3, 4] == pytest.approx(48)


def test_gradients_are_over_the_fourth_power_of_the_noise():
    """16 at σ = .5, where the authors' code has 256."""
    prior = matrix(CARD)
    seen = matrix(applied(acs_grad(0.5), CARD))
    np.testing.assert_allclose(seen, 16 * prior * conditioned(prior, [0, 1], 0.5), rtol=1e-12)


@given(seed=seeds, noise=st.floats(0.05, 5), kernel=st.sampled_from([None, laplace(), ntk(3, 1.5, 0.1)]))
def test_gradients_of_any_kernel_are_the_formula(seed: int, noise: float, kernel):
    prior = replace(some_points(seed), kernel=kernel)
    before = matrix(prior)
    expected = before * conditioned(before, list(range(5)), noise) / noise**4
    seen = applied(acs_grad(noise), prior)
    np.testing.assert_allclose(matrix(seen), expected, rtol=1e-6, atol=1e-9 / noise**4)
    rows = torch.cat([seen.known, seen.rows])
    np.testing.assert_allclose(seen.kernel.variance(rows).numpy(), expected.diagonal(), rtol=1e-6, atol=1e-9 / noise**4)


def test_gradients_of_products_of_rows():
    left, right = POOL[:, :1].clone(), POOL.clone()
    seen = applied(acs_grad(0.5), Represented(Kronecker(left[:2], right[:2]), Kronecker(left[2:], right[2:])))
    dense = (left * right).numpy()
    before = dense @ dense.T
    np.testing.assert_allclose(matrix(seen), 16 * before * conditioned(before, [0, 1], 0.5), rtol=1e-10)
    assert applied(sketch(4), seen).rows.shape == (4, 4)


@pytest.mark.parametrize("noise", [0.5, 1.0, 2.0])
def test_random_features_are_the_formula_at_the_drawn_weights(noise: float):
    prior = some_points(0)
    seen = applied(acs_rf(7, noise), prior, seed=3)
    known, rows = prior.known.numpy(), prior.rows.numpy()
    draws = torch.randn(3, 7, generator=Generator().manual_seed(3), dtype=torch.float64).numpy()
    precision = known.T @ known + noise**2 * np.eye(3)
    weights = noise * np.linalg.solve(np.linalg.cholesky(precision).T, draws)
    variance = noise**2 * (rows * np.linalg.solve(precision, rows.T).T).sum(1, keepdims=True)
    expected = 0.5 * np.log1p(variance / noise**2) - ((rows @ weights) ** 2 + variance) / (2 * noise**2)
    np.testing.assert_allclose(seen.rows.numpy(), expected / 7**0.5, rtol=1e-10)


@given(seed=seeds, noise=st.floats(0.3, 3))
def test_random_features_have_the_moments_of_gaussian_weights(seed: int, noise: float):
    """E[f f'] in closed form, with E[g² g'²] = v v' + 2 c²."""
    prior = some_points(seed)
    left = conditioned(matrix(prior), list(range(5)), noise) / noise**2
    variance = left.diagonal()
    constant = 0.5 * np.log1p(variance) - 0.5 * variance
    expected = (
        np.outer(constant, constant)
        - 0.5 * (np.outer(constant, variance) + np.outer(variance, constant))
        + 0.25 * (np.outer(variance, variance) + 2 * left**2)
    )
    rows = applied(acs_rf(20_000, noise), prior, seed)
    features = torch.cat([rows.known, rows.rows]).numpy()
    tolerance = 0.1 * np.sqrt(np.outer(expected.diagonal(), expected.diagonal()))
    assert (np.abs(features @ features.T - expected) < tolerance).all()


@given(seed=seeds, factor=st.floats(1e-3, 1e3))
def test_random_features_know_no_unit(seed: int, factor: float):
    """Scaling the function and its noise alike changes no log-likelihood ratio: the σ² of the weights is not lost."""
    prior = some_points(seed)
    scaled = replace(prior, known=prior.known * factor, rows=prior.rows * factor)
    torch.testing.assert_close(
        applied(acs_rf(9, 0.5), prior).rows, applied(acs_rf(9, 0.5 * factor), scaled).rows, rtol=1e-8, atol=1e-10
    )


def learned_noise(known: np.ndarray, labels: np.ndarray) -> float:
    precision = known.T @ known + np.eye(known.shape[1])
    mean = np.linalg.solve(precision, known.T @ labels)
    return (1 + 0.5 * (labels @ labels - mean @ precision @ mean)) / (1 + len(labels) / 2)


@given(seed=seeds, known=st.integers(0, 6))
def test_random_features_with_learned_noise_are_the_formula_at_the_drawn_weights(seed: int, known: int):
    prior = some_points(seed, known=known)
    labels = prior.labels.numpy()
    seen = applied(acs_rf_hyper(6), prior, seed=5)
    points, rows = prior.known.numpy(), prior.rows.numpy()
    draws = torch.randn(3, 6, generator=Generator().manual_seed(5), dtype=torch.float64).numpy()
    precision = points.T @ points + np.eye(3)
    weights = np.linalg.solve(np.linalg.cholesky(precision).T, draws)
    spread = 1 + (rows * np.linalg.solve(precision, rows.T).T).sum(1, keepdims=True)
    expected = -0.5 * np.log(2 * np.pi) - 0.5 * ((rows @ weights) ** 2 + learned_noise(points, labels) * spread)
    np.testing.assert_allclose(seen.rows.numpy(), expected / 6**0.5, rtol=1e-9)


def test_random_features_with_learned_noise_have_the_mean_of_gaussian_weights():
    prior = some_points(1)
    points, rows = prior.known.numpy(), prior.rows.numpy()
    rng = np.random.default_rng(0)
    weights = rng.multivariate_normal(np.zeros(3), np.linalg.inv(points.T @ points + np.eye(3)), size=100_000)
    spread = 1 + np.einsum("nd,de,ne->n", rows, np.linalg.inv(points.T @ points + np.eye(3)), rows)
    noise = learned_noise(points, prior.labels.numpy())
    expected = -0.5 * np.log(2 * np.pi) - 0.5 * (((rows @ weights.T) ** 2).mean(1) + noise * spread)
    seen = applied(acs_rf_hyper(100_000), prior).rows.mean(1).numpy() * 100_000**0.5
    np.testing.assert_allclose(seen, expected, rtol=0.02)


def test_labels_in_a_column_or_in_float32_are_the_same_labels():
    prior = some_points(2)
    exact = torch.tensor([1, 2, 3, 4, 5], dtype=torch.float64)
    expected = applied(acs_rf_hyper(4), replace(prior, labels=exact)).rows
    for labels in (exact[:, None], exact.float()):
        assert torch.equal(applied(acs_rf_hyper(4), replace(prior, labels=labels)).rows, expected)


@pytest.mark.parametrize("transform", [acs_rf(32, 1e-3), acs_rf_hyper(32)])
def test_float32_rows_stay_float32_and_lose_nothing_else(transform):
    prior = some_points(0, known=50)
    rounded = replace(prior, known=prior.known.float(), rows=prior.rows.float())
    exact = applied(transform, replace(rounded, known=rounded.known.double(), rows=rounded.rows.double()))
    seen = applied(transform, rounded)
    assert seen.rows.dtype == torch.float32
    torch.testing.assert_close(seen.rows, exact.rows.float(), rtol=1e-6, atol=0)
    assert seen.kernel is None


def test_edges():
    nothing_known = Represented(KNOWN[:0], POOL)
    zeros = Represented(KNOWN, torch.zeros(3, 2, dtype=torch.float64), labels=LABELS)
    for transform in (acs_rf(5, 0.5), acs_rf_hyper(5)):
        assert applied(transform, nothing_known).rows.isfinite().all()
        assert applied(transform, Represented(KNOWN, POOL[:0], labels=LABELS)).rows.shape == (0, 5)
        flat = applied(transform, zeros).rows
        assert flat.isfinite().all()
        assert (flat == flat[0]).all()
    assert not applied(acs_rf(5, 0.5), zeros).rows.any()
    seen = applied(acs_grad(0.5), nothing_known)
    np.testing.assert_allclose(matrix(seen), 16 * (POOL @ POOL.T).numpy() ** 2)
    assert not matrix(applied(acs_grad(0.5), zeros))[2:].any()
    copies = Represented(KNOWN[[0] * 50], POOL, labels=torch.zeros(50))
    assert applied(acs_rf(5, 1e-3), copies).rows.isfinite().all()


def test_noise_that_is_raised_is_reported():
    large = replace(CARD, known=KNOWN * 1e5, rows=POOL * 1e5)
    for transform in (acs_rf(5, 1e-3), acs_grad(1e-3)):
        assert "is too small beside known rows" in applied(transform, large).notes[0]
    assert applied(acs_rf(5, 1.0), large).notes == ()


def test_bad_input_gets_a_sentence():
    for call, sentence in (
        (lambda: acs_grad(0), "noise is the standard deviation of labels, a number above 0, but it is 0"),
        (lambda: acs_rf(5, -1.0), "a number above 0, but it is -1.0"),
        (lambda: acs_rf(0), "at least one dimension, but there are 0"),
        (lambda: acs_rf_hyper(-1), "at least one dimension, but there are -1"),
        (
            lambda: applied(acs_rf(5), replace(CARD, kernel=ntk())),
            "acs_rf needs features, but these rows have the kernel",
        ),
        (lambda: applied(acs_rf_hyper(5), replace(CARD, kernel=ntk())), "acs_rf_hyper needs features"),
        (
            lambda: applied(acs_rf_hyper(5), replace(CARD, labels=None)),
            "labels of the 2 known points, one amount each, but there are none",
        ),
        (
            lambda: applied(acs_rf_hyper(5), replace(CARD, labels=torch.zeros(2, 3))),
            r"but they have the shape \(2, 3\)",
        ),
        (
            lambda: applied(acs_rf_hyper(5), replace(CARD, labels=LABELS.long())),
            "labels that are amounts, but these are",
        ),
        (lambda: applied(acs_rf_hyper(5), replace(CARD, labels=LABELS * torch.nan)), "labels must be finite numbers"),
        (lambda: applied(acs_rf(5), replace(CARD, rows=POOL * torch.nan)), "rows must be finite numbers"),
        (
            lambda: applied(acs_grad(1.0), replace(CARD, known=KNOWN * torch.inf)),
            "the known rows must be finite numbers",
        ),
    ):
        with pytest.raises(ValueError, match=sentence):
            call()


def test_they_print_their_settings_and_leave_the_global_generator_alone():
    assert repr(acs_rf()) == "ACSRandom(dimension=512, noise=0.001)"
    assert repr(acs_rf_hyper(8)) == "ACSRandomHyper(dimension=8)"
    assert repr(acs_grad(0.5)) == "ACSGrad(noise=0.5)"
    before = torch.get_rng_state()
    first, again = (applied(acs_rf(5, 0.5), CARD, seed=1).rows for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(before, torch.get_rng_state())
