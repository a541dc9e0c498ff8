"""Mixtures of Normals by their moments: against scalar arithmetic and, as bounds, against adaptive integration."""

import math
from statistics import fmean, pvariance

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad
from torch.distributions import Bernoulli, Categorical, Independent, Normal

from bayesal.acquisitions import bald, entropy, moment_matched_bald, moment_matched_entropy, variance

SCORES = (moment_matched_entropy, moment_matched_bald)
each_score = pytest.mark.parametrize("score", SCORES, ids=lambda score: score.__name__)


def draw(seed: int, n: int = 3, k: int = 4) -> Normal:
    generator = torch.Generator().manual_seed(seed)
    mean = 2 * torch.randn(n, k, dtype=torch.float64, generator=generator)
    return Normal(mean, torch.rand(n, k, dtype=torch.float64, generator=generator) + 0.2)


def integrated_entropy(means: list[float], scales: list[float]) -> float:
    def integrand(y: float) -> float:
        density = float(np.mean(stats.norm.pdf(y, means, scales)))
        return -density * math.log(density) if density > 0 else 0.0

    low, high = min(means) - 12 * max(scales), max(means) + 12 * max(scales)
    return quad(integrand, low, high, points=means, epsabs=1e-10, limit=400)[0]


def noise_entropy(scales: list[float]) -> float:
    return fmean(0.5 * math.log(2 * math.pi * math.e * s * s) for s in scales)


def test_both_are_functions_of_two_moments():
    predictions = draw(0)
    for n, (means, scales) in enumerate(zip(predictions.loc.tolist(), predictions.scale.tolist(), strict=True)):
        total = fmean(s * s for s in scales) + pvariance(means)
        matched = 0.5 * math.log(2 * math.pi * math.e * total)
        assert float(moment_matched_entropy(predictions)[n]) == pytest.approx(matched, rel=1e-12)
        assert float(moment_matched_bald(predictions)[n]) == pytest.approx(matched - noise_entropy(scales), rel=1e-12)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32))
def test_they_bound_the_mixture_which_is_integrated(seed):
    predictions = draw(seed, n=2)
    for n, (means, scales) in enumerate(zip(predictions.loc.tolist(), predictions.scale.tolist(), strict=True)):
        exact = integrated_entropy(means, scales)
        assert float(entropy(predictions)[n]) == pytest.approx(exact, abs=1e-6)
        assert float(bald(predictions)[n]) == pytest.approx(exact - noise_entropy(scales), abs=1e-6)
        assert float(moment_matched_entropy(predictions)[n]) >= exact - 1e-9
        assert float(moment_matched_bald(predictions)[n]) >= exact - noise_entropy(scales) - 1e-9


def test_they_are_exact_where_hypotheses_agree():
    same = Normal(torch.full((2, 5), 3.0).double(), 0.7)
    torch.testing.assert_close(moment_matched_entropy(same), entropy(same), rtol=0, atol=1e-9)
    assert moment_matched_bald(same).tolist() == [0, 0]


def test_distant_modes_tell_them_apart():
    """BALD is at most ln K; the widest density of this variance knows no such limit."""
    predictions = Normal(torch.tensor([[-1e3, 1e3]], dtype=torch.float64), 1.0)
    assert float(bald(predictions)) == pytest.approx(math.log(2))
    assert float(moment_matched_bald(predictions)) == pytest.approx(0.5 * math.log1p(1e6))


def test_the_ranking_is_that_of_the_total_variance():
    predictions = draw(1, n=30)
    by_entropy = moment_matched_entropy(predictions).argsort().tolist()
    assert by_entropy == variance(predictions, noise=True).argsort().tolist()


@each_score
def test_several_outputs_are_the_sum_of_their_map(score):
    outputs = Independent(Normal(draw(2, n=4, k=15).loc.view(4, 5, 3), 0.5), 1)
    assert score(outputs.base_dist).shape == (4, 3)
    torch.testing.assert_close(score(outputs), score(outputs.base_dist).sum(1))


@each_score
@given(seed=st.integers(0, 2**32))
def test_copies_and_the_order_of_hypotheses_change_nothing(score, seed):
    predictions = draw(seed)
    order = torch.randperm(4, generator=torch.Generator().manual_seed(seed)).repeat(3)
    shuffled = Normal(predictions.loc[:, order], predictions.scale[:, order])
    torch.testing.assert_close(score(shuffled), score(predictions))


@each_score
def test_no_points_have_no_scores(score):
    assert score(Normal(torch.empty(0, 5), torch.empty(0, 5))).shape == (0,)


@each_score
@pytest.mark.parametrize(
    "classes",
    [Categorical(logits=torch.zeros(3, 4, 2)), Independent(Bernoulli(logits=torch.zeros(3, 4, 2)), 1)],
    ids=["classes", "labels"],
)
def test_classes_are_sent_to_what_is_exact_there(score, classes):
    instead = score.__name__.removeprefix("moment_matched_")
    with pytest.raises(ValueError, match=rf"{score.__name__} is for Normal predictions.*use {instead},"):
        score(classes)


@each_score
def test_bad_numbers_are_refused(score):
    holed = Normal(torch.tensor([[0.0, 1.0], [math.nan, 0.0]]), 1.0, validate_args=False)
    with pytest.raises(ValueError, match="point 1"):
        score(holed)
    with pytest.raises(ValueError, match=r"axes \(points N, hypotheses K\)"):
        score(Normal(torch.zeros(3), 1.0))


def test_one_hypothesis_is_warned_of():
    with pytest.warns(UserWarning, match="moment_matched_bald of a single hypothesis is 0"):
        assert moment_matched_bald(Normal(torch.zeros(2, 1), 1.0)).tolist() == [0, 0]
