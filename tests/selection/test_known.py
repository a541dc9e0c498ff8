"""What known labels leave, against inverses by NumPy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.numerics.kronecker import Kronecker
from bayesal.selection.known import KnownFeatures, KnownInformation

seeds = st.integers(0, 2**32 - 1)


def random_rows(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def dense(covariance: Tensor | float) -> np.ndarray:
    assert isinstance(covariance, Tensor)
    return covariance.numpy()


@given(seed=seeds)
@settings(max_examples=10)
def test_features_in_parts_and_at_once_leave_the_inverse(seed: int):
    rows, noise = random_rows(seed, 12, 1, 4), 0.3
    values = rows[:, 0].numpy()
    expected = np.linalg.inv(np.eye(4) + values.T @ values / noise)
    start = KnownFeatures(noise)
    assert start.covariance() == 1.0
    for known in (start.on(rows), start.on(rows[:2]).on(rows[2:]), start.on(rows[:0]).on(rows)):
        np.testing.assert_allclose(dense(known.covariance()), expected, rtol=1e-9, atol=1e-13)
    taken = tuple(rows[3:].split(1))
    np.testing.assert_allclose(dense(start.on(rows[:3]).covariance(taken)), expected, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("noise", [1e-6, 1e-12])
def test_a_small_noise_costs_as_many_digits_as_it_has_and_not_twice(noise: float):
    """Directions that are known to within the noise, beside two of which nothing is known."""
    rows = random_rows(0, 3, 1, 5)
    values = rows[:, 0].numpy()
    by_kernel = np.eye(5) - values.T @ np.linalg.solve(values @ values.T + noise * np.eye(3), values)
    covariance = dense(KnownFeatures(noise).on(rows).covariance())
    np.testing.assert_allclose(covariance, by_kernel, rtol=0, atol=1e-15 / noise**0.5)
    own = (values @ covariance * values).sum(1)
    np.testing.assert_allclose(own, noise, rtol=1e-2)  # a label that is known leaves its own noise


@given(seed=seeds)
@settings(max_examples=10)
def test_information_adds_up_by_its_weights(seed: int):
    known, taken = random_rows(seed, 5, 2, 4), random_rows(seed + 1, 3, 2, 4)
    products = Kronecker(random_rows(seed, 5, 2, 2), random_rows(seed + 1, 5, 2))
    for points in (known, products):
        values = (points.dense() if isinstance(points, Kronecker) else points).numpy()
        of_known = np.einsum("nrd,nre->de", values, values) / 8
        of_taken = np.einsum("nrd,nre->de", taken.numpy(), taken.numpy()) / 2
        start = KnownInformation(0.1, 2.0, points, 8.0)
        np.testing.assert_allclose(
            dense(start.covariance(())), np.linalg.inv(0.1 * np.eye(4) + of_known), rtol=1e-8, atol=1e-12
        )
        np.testing.assert_allclose(
            dense(start.covariance(tuple(taken.split(1)))),
            np.linalg.inv(0.1 * np.eye(4) + of_known + of_taken),
            rtol=1e-8,
            atol=1e-12,
        )


def test_nothing_known_leaves_the_prior_and_needs_one():
    nothing = torch.zeros(0, 2, 4, dtype=torch.float64)
    assert KnownInformation(0.25, 1.0, nothing, 1.0).covariance(()) == 4.0
    with pytest.raises(ValueError, match="the information of the 0 known rows with a regularisation of 0 has no inv"):
        KnownInformation(0.0, 1.0, nothing, 1.0).covariance(())
    few = random_rows(0, 1, 2, 4)
    for regularisation in (0.0, 1e-18):
        with pytest.raises(ValueError, match=r"of the 1 known rows .* has no inverse; give a larger regularisation"):
            KnownInformation(regularisation, 1.0, few, 1.0).covariance(())
    many = random_rows(0, 3, 2, 4)
    expected = np.linalg.inv(np.einsum("nrd,nre->de", many.numpy(), many.numpy()))
    np.testing.assert_allclose(dense(KnownInformation(0.0, 1.0, many, 1.0).covariance(())), expected, rtol=1e-8)
