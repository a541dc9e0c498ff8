"""The entropy of Beta distributions against closed forms, fifty digits, scipy, draws, and the Normal limit."""

import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch.distributions import Beta

from bayesal.numerics.beta import beta_entropy


def entropy(a: float, b: float) -> float:
    return float(beta_entropy(torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64)))


def fifty_digits(a: float, b: float) -> float:
    """The textbook form, where cancellation costs nothing."""
    with mpmath.workdps(50):
        a, b = mpmath.mpf(a), mpmath.mpf(b)
        inner = mpmath.log(mpmath.beta(a, b)) - (a - 1) * mpmath.digamma(a) - (b - 1) * mpmath.digamma(b)
        return float(inner + (a + b - 2) * mpmath.digamma(a + b))


def normal_limit(a: float, b: float) -> float:
    """½ ln(2πe v), v the variance of the Beta."""
    return 0.5 * math.log(2 * math.pi * math.e * a * b / ((a + b) ** 2 * (a + b + 1)))


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (1, 1, 0),
        (2, 3, -0.234907),
        (0.5, 0.5, -0.241564),
        (1.383513, 0.767025, -0.139419),
        (22.8889, 43.7778, -1.43557),
    ],
)
def test_worked_numbers(a, b, expected):
    assert entropy(a, b) == pytest.approx(expected, rel=5e-6, abs=1e-15)


@pytest.mark.parametrize(("variance", "expected"), [(1e-6, -5.48882), (1e-9, -8.94270)])
def test_worked_numbers_of_narrow_densities(variance, expected):
    assert entropy(0.5 * (0.25 / variance - 1) + 1, 0.5 * (0.25 / variance - 1)) == pytest.approx(expected, abs=6e-6)


@given(a=st.floats(-12, 10), b=st.floats(-12, 10))
def test_fifty_digits_agree_from_widest_to_narrowest(a, b):
    a, b = 10**a, 10**b
    assert entropy(a, b) == pytest.approx(min(0, fifty_digits(a, b)), rel=1e-13, abs=2e-14)


def test_scipy_agrees_on_a_wide_grid():
    """Up to 1e5: from 1e6 on, scipy's own entropy of a skewed Beta is 0."""
    a, b = (torch.from_numpy(x.ravel()) for x in np.meshgrid(np.logspace(-3, 5, 41), np.logspace(-3, 5, 41)))
    torch.testing.assert_close(
        beta_entropy(a, b), torch.from_numpy(stats.beta.entropy(a.numpy(), b.numpy())), rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize(("a", "b"), [(1.4, 0.8), (2.0, 3.0), (22.9, 43.8), (1.1, 30.0)])
def test_a_million_draws_agree(a, b):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        density = Beta(torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64))
        surprise = -density.log_prob(density.sample(torch.Size([1_000_000])))
    error = float(surprise.std()) / 1000
    assert abs(float(surprise.mean()) - entropy(a, b)) < 5 * error


@given(share=st.floats(0.1, 0.9), size=st.floats(4, 9))
def test_large_shapes_are_close_to_a_normal(share, size):
    """A skewness γ costs γ²/12 nats, here at most 2.4 over the sum of the shapes."""
    total = 10**size
    assert entropy(share * total, (1 - share) * total) == pytest.approx(
        normal_limit(share * total, (1 - share) * total), abs=2.5 / total
    )


def test_both_forms_agree_where_a_symmetric_density_becomes_narrow():
    for total in (0.999e4, 1e4, 1.001e4):
        assert entropy(total / 2, total / 2) == pytest.approx(normal_limit(total / 2, total / 2), rel=1e-7)


def test_a_skewed_narrow_density_is_no_normal():
    """Beta(1, b) is close to exponential: its entropy is 1 - ln b - 1/b, and a Normal's is 0.4 more."""
    assert entropy(1, 1e6) == pytest.approx(1 - math.log(1e6) - 1e-6, rel=1e-14)
    assert normal_limit(1, 1e6) - entropy(1, 1e6) == pytest.approx(0.5 * math.log(2 * math.pi / math.e), rel=1e-5)


@given(a=st.floats(-12, 12), b=st.floats(-12, 12))
def test_no_density_on_the_unit_interval_is_wider_than_uniform(a, b):
    assert entropy(10**a, 10**b) <= 0


@given(a=st.floats(-9, 9), b=st.floats(-9, 9))
def test_mirrored_densities_are_equally_wide(a, b):
    assert entropy(10**a, 10**b) == entropy(10**b, 10**a)


def test_what_is_not_a_number_stays_so():
    assert math.isnan(entropy(math.nan, 1.0))
    assert math.isnan(entropy(1.0, math.nan))
