"""Entropies of mixtures of Normals against adaptive quadrature, closed forms and laws."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from bayesal.numerics import quadrature
from bayesal.numerics.quadrature import normal_mixture_entropy

BREAKS = (-12, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12)


def oracle(means: list[float], scales: list[float]) -> float:
    """Adaptive quadrature of scalar densities between many break points around every component."""

    def integrand(y: float) -> float:
        density = math.fsum(math.exp(-0.5 * ((y - m) / s) ** 2) / s for m, s in zip(means, scales, strict=True))
        density /= len(means) * math.sqrt(2 * math.pi)
        return -density * math.log(density) if density > 0 else 0.0

    breaks = sorted({m + s * u for m, s in zip(means, scales, strict=True) for u in BREAKS})
    pieces = pairwise(breaks)
    return math.fsum(quad(integrand, a, b, epsabs=1e-12, epsrel=1e-10, limit=200)[0] for a, b in pieces)


def entropy_of(means: list[float], scales: list[float]) -> float:
    mean, scale = (torch.tensor([x], dtype=torch.float64) for x in (means, scales))
    return float(normal_mixture_entropy(mean, scale))


@pytest.mark.parametrize("ratio", [1, 3, 30, 1000])
@pytest.mark.parametrize("distance", [0, 1, 4, 6.5, 9, 1e4])
def test_two_components_of_any_ratio_and_distance(ratio, distance):
    means, scales = [0.0, float(distance)], [1.0, 1 / ratio]
    assert entropy_of(means, scales) == pytest.approx(oracle(means, scales), abs=1e-8)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32),
    k=st.integers(1, 5),
    spread=st.floats(-3, 4),
    narrowest=st.floats(-3, 0),
)
def test_any_mixture_agrees_with_adaptive_quadrature(seed, k, spread, narrowest):
    draws = np.random.default_rng(seed)
    means = (10**spread * draws.normal(size=k)).tolist()
    scales = (10 ** draws.uniform(narrowest, 0, size=k)).tolist()
    assert entropy_of(means, scales) == pytest.approx(oracle(means, scales), abs=1e-6)


def test_one_component_is_the_closed_form():
    assert entropy_of([3.0], [0.5]) == pytest.approx(0.5 * math.log(2 * math.pi * math.e * 0.25), abs=1e-12)


@pytest.mark.parametrize("k", [2, 7, 100])
def test_equal_components_are_one_component(k):
    assert entropy_of([3.0] * k, [0.5] * k) == pytest.approx(entropy_of([3.0], [0.5]), abs=1e-9)


def test_components_out_of_sight_add_the_entropy_of_which_one_it_is():
    means = [0.0, 1e3, 1e6, 3e6]
    assert entropy_of(means, [1.0] * 4) == pytest.approx(entropy_of([0.0], [1.0]) + math.log(4), abs=1e-9)


def test_a_needle_far_from_the_others_is_not_missed():
    means, scales = [0.0, 0.0, 5.0, 1e5], [1.0, 2.0, 1.0, 1e-3]
    parts = oracle(means[:3], scales[:3]) * 0.75 + entropy_of([0.0], [1e-3]) * 0.25
    which = -0.75 * math.log(0.75) - 0.25 * math.log(0.25)
    assert entropy_of(means, scales) == pytest.approx(parts + which, abs=1e-8)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32))
def test_entropy_moves_with_the_unit_and_not_with_the_origin(seed):
    draws = torch.Generator().manual_seed(seed)
    mean = torch.randn(3, 4, dtype=torch.float64, generator=draws)
    scale = torch.rand(3, 4, dtype=torch.float64, generator=draws) + 0.01
    entropy = normal_mixture_entropy(mean, scale)
    torch.testing.assert_close(normal_mixture_entropy(mean + 100, scale), entropy, rtol=0, atol=1e-9)
    torch.testing.assert_close(
        normal_mixture_entropy(1e-150 * mean, 1e-150 * scale), entropy + math.log(1e-150), rtol=0, atol=1e-9
    )


def test_points_do_not_see_each_other_or_their_block(generator, monkeypatch):
    mean = torch.randn(9, 6, dtype=torch.float64, generator=generator) * 20
    scale = torch.rand(9, 6, dtype=torch.float64, generator=generator) + 0.01
    together = normal_mixture_entropy(mean, scale)
    alone = torch.cat([normal_mixture_entropy(mean[i : i + 1], scale[i : i + 1]) for i in range(9)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-12)
    monkeypatch.setattr(quadrature, "ELEMENTS", 200)
    torch.testing.assert_close(normal_mixture_entropy(mean, scale), together, rtol=0, atol=1e-12)


def test_further_axes_are_further_points(generator):
    mean = torch.randn(3, 4, 2, 5, generator=generator)
    scale = torch.rand(3, 4, 2, 5, generator=generator) + 0.1
    entropies = normal_mixture_entropy(mean, scale)
    assert entropies.shape == (3, 2, 5)
    torch.testing.assert_close(entropies[:, 1, 3], normal_mixture_entropy(mean[:, :, 1, 3], scale[:, :, 1, 3]))


def test_single_precision_goes_in_and_comes_out():
    mean, scale = torch.tensor([[0.0, 1.0, 30.0]]), torch.tensor([[1.0, 0.25, 0.5]])
    entropy = normal_mixture_entropy(mean, scale)
    assert entropy.dtype == torch.float32
    torch.testing.assert_close(entropy.double(), normal_mixture_entropy(mean.double(), scale.double()))


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan])
def test_a_scale_that_is_not_positive_is_refused(scale):
    with pytest.raises(ValueError, match="scale of a Normal must be positive"):
        entropy_of([0.0, 1.0], [1.0, scale])


@pytest.mark.parametrize("mean", [math.nan, math.inf])
def test_a_mean_that_is_not_a_number_is_refused(mean):
    with pytest.raises(ValueError, match="point 0"):
        entropy_of([0.0, mean], [1.0, 1.0])


def test_a_component_too_narrow_for_double_precision_is_refused():
    with pytest.raises(ValueError, match=r"times narrower than its mixture.*moment_matched_entropy"):
        entropy_of([0.0, 1.0], [1.0, 1e-12])
