"""The closed forms against determinants, and at the ends of what floats can hold."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bayesal.numerics import gaussian
from bayesal.numerics.gaussian import information, mean_information, mean_reduction
from bayesal.numerics.gaussian_door import as_covariance, as_variance, as_weights
from tests.numerics.oracles_gaussian import covariances, information_between

seeds = st.integers(0, 2**32 - 1)


def even(m: int) -> torch.Tensor:
    return torch.full((m,), 1 / m, dtype=torch.float64)


def numbers(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@given(seed=seeds, scale=st.sampled_from([1e-6, 1e-2, 1.0, 1e3]))
def test_information_about_targets_is_that_of_determinants(seed: int, scale: float):
    points, targets = [0, 1, 2], [3, 4]
    joint = covariances(seed, 5)
    noise = np.random.default_rng(seed).uniform(0.5, 2, size=5) * scale
    noisy = joint + np.diag(noise)
    expected = [np.mean([information_between(noisy, [n], [t]) for t in targets]) for n in points]
    seen = mean_information(
        torch.from_numpy(joint.diagonal()[:3].copy()),
        torch.from_numpy(joint[:3, 3:]),
        torch.from_numpy(joint.diagonal()[3:].copy()),
        torch.from_numpy(noise[:3]),
        torch.from_numpy(noise[3:]),
        even(2),
    )
    np.testing.assert_allclose(seen.numpy(), expected, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("noise", [1e-300, 1e-14, 1e-3, 1.0, 1e14])
def test_the_function_at_the_point_itself_is_a_target_that_tells_all(noise: float):
    """Where -½ ln(1 - ρ²) would have cancelled: the determinant has no difference left."""
    variance = numbers(0.7)
    seen = mean_information(variance, variance[:, None], variance, numbers(noise), numbers(0.0), even(1))
    torch.testing.assert_close(seen, information(variance, numbers(noise)), rtol=1e-14, atol=0)
    assert float(seen) == pytest.approx(0.5 * math.log1p(0.7 / noise), rel=1e-14)


def test_faint_dependence_is_kept_to_full_precision():
    faint = mean_information(numbers(1), numbers(1e-10)[:, None], numbers(1), numbers(1), numbers(1), even(1))
    assert float(faint) == pytest.approx(0.5 * 1e-20 / 4, rel=1e-12)


def test_a_target_that_is_known_tells_nothing():
    for target_noise in (0.0, 1.0):
        seen = mean_information(
            numbers(1, 0), numbers(0, 0)[:, None], numbers(0), numbers(1, 1), numbers(target_noise), even(1)
        )
        assert seen.tolist() == [0, 0]


def test_rounding_beyond_what_variances_allow_counts_as_full_dependence():
    above = mean_information(numbers(1), numbers(1 + 1e-12)[:, None], numbers(1), numbers(1e-20), numbers(0), even(1))
    assert float(above) == pytest.approx(0.5 * math.log1p(1e20))


@pytest.mark.parametrize("elements", [1, 7, 2**18])
def test_blocks_do_not_matter(elements: int, monkeypatch: pytest.MonkeyPatch):
    joint = torch.from_numpy(covariances(0, 12))
    variance, covariance, target_variance = joint.diagonal()[:9], joint[:9, 9:], joint.diagonal()[9:]
    weights, noise = numbers(0.5, 0.2, 0.3), torch.linspace(0.1, 1, 9, dtype=torch.float64)

    def both() -> tuple[torch.Tensor, torch.Tensor]:
        return (
            mean_information(variance, covariance, target_variance, noise, numbers(0.1, 0, 1), weights),
            mean_reduction(variance, covariance, noise, weights),
        )

    whole = both()
    monkeypatch.setattr(gaussian, "ELEMENTS", elements)
    torch.testing.assert_close(both(), whole, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("shape", [(2, 3), (3, 1), (3,), (3, 2, 1)])
def test_covariances_of_other_points_or_targets_are_refused(shape: tuple[int, ...]):
    with pytest.raises(ValueError, match=r"one row for each of 3 points .* there are 2, but has shape"):
        as_covariance(torch.zeros(shape), numbers(1, 1, 1), numbers(1, 1))


def test_weights_of_other_targets_are_refused():
    with pytest.raises(ValueError, match=r"must be 2 numbers .* shape \(3,\)"):
        as_weights(numbers(1, 1, 1), torch.zeros(4, 2))


def test_single_precision_may_round_further_below_zero():
    assert as_variance(torch.tensor([-5e-4, 1.0])).tolist() == [0, 1]
    with pytest.raises(ValueError, match=r"position 0 has -0\.0005"):
        as_variance(numbers(-5e-4, 1))
    with pytest.raises(ValueError, match="position 1 has -2"):
        as_variance(numbers(-1, -2))
