"""The worked numbers of the fixture, and random predictions against plain enumerations."""

from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Categorical, Independent

from bayesal import acquisitions
from tests import oracles
from tests.oracles import POOL

WORKED = {
    "entropy": (1.09527, 1.09527, 1.09861, 0.865894, 1.09861),
    "expected_entropy": (0.801819, 0.801819, 1.08890, 0.745231, 0),
    "bald": (0.293455, 0.293455, 0.00971231, 0.120663, 1.09861),
    "least_confidence": (0.633333, 0.633333, 0.666667, 0.333333, 0.666667),
    "margin": (1 - 0.0333333, 1 - 0.0333333, 1, 1 - 0.483333, 1),
    "mean_std": (0.260337, 0.260337, 0.0471405, 0.144180, 0.471405),
    "unbiased_mean_std": (0.318847, 0.318847, 0.0577350, 0.176584, 0.577350),
    "variation_ratio": (0.666667, 0.666667, 0.666667, 0, 0.666667),
}
SCORES = {
    "entropy": (acquisitions.entropy, oracles.predictive_entropy),
    "expected_entropy": (acquisitions.expected_entropy, oracles.expected_entropy),
    "bald": (acquisitions.bald, oracles.bald),
    "least_confidence": (acquisitions.least_confidence, oracles.least_confidence),
    "margin": (acquisitions.margin, oracles.margin),
    "mean_std": (acquisitions.mean_std, oracles.mean_std),
    "unbiased_mean_std": (
        partial(acquisitions.mean_std, correction=1),
        partial(oracles.mean_std, correction=1),
    ),
    "variation_ratio": (acquisitions.variation_ratio, oracles.vote_variation_ratio),
}
each_score = pytest.mark.parametrize("name", SCORES)


def from_logits(probs: torch.Tensor) -> Categorical:
    return Categorical(logits=probs.log(), validate_args=False)


def from_probs(probs: torch.Tensor) -> Categorical:
    return Categorical(probs=probs)


each_form = pytest.mark.parametrize("form", [from_logits, from_probs])


@each_score
@each_form
def test_worked_numbers_of_the_fixture(name, form):
    score, oracle = SCORES[name]
    seen = score(form(torch.tensor(POOL, dtype=torch.float64)))
    torch.testing.assert_close(seen, torch.tensor(WORKED[name], dtype=torch.float64), rtol=6e-6, atol=1e-12)
    exact = torch.tensor([oracle(point) for point in POOL], dtype=torch.float64)
    torch.testing.assert_close(seen, exact, rtol=1e-12, atol=1e-12)


@each_score
@each_form
def test_worked_numbers_hold_in_single_precision(name, form):
    score, oracle = SCORES[name]
    exact = torch.tensor([oracle(point) for point in POOL])
    torch.testing.assert_close(score(form(torch.tensor(POOL))), exact, rtol=1e-6, atol=1e-6)


@each_score
@given(seed=st.integers(0, 2**32), k=st.integers(2, 6), c=st.integers(1, 5), sharpness=st.floats(0, 30))
def test_random_predictions_agree_with_enumeration(name, seed, k, c, sharpness):
    score, oracle = SCORES[name]
    logits = torch.randn(4, k, c, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * sharpness
    predictions = Categorical(logits=logits)
    exact = [oracle(point) for point in predictions.probs.tolist()]
    torch.testing.assert_close(score(predictions).tolist(), exact, rtol=1e-9, atol=1e-10)


@each_score
@pytest.mark.parametrize("zeros", [False, True])
def test_a_bernoulli_is_a_categorical_of_two_classes(name, zeros, generator):
    score, _ = SCORES[name]
    yes = torch.rand(6, 5, dtype=torch.float64, generator=generator)
    if zeros:
        yes = yes.round()
    two = score(Categorical(probs=torch.stack([1 - yes, yes], dim=-1)))
    torch.testing.assert_close(score(Bernoulli(probs=yes)), two, rtol=1e-12, atol=1e-12)
    if not zeros:
        torch.testing.assert_close(score(Bernoulli(logits=yes.logit())), two, rtol=1e-10, atol=1e-10)


@each_score
def test_many_labels_are_the_sum_of_their_map(name, generator):
    score, _ = SCORES[name]
    labels = Independent(Bernoulli(logits=torch.randn(4, 5, 3, generator=generator)), 1)
    pixels = Independent(Categorical(logits=torch.randn(4, 5, 2, 3, 6, generator=generator)), 2)
    assert score(labels.base_dist).shape == (4, 3)
    assert score(pixels.base_dist).shape == (4, 2, 3)
    torch.testing.assert_close(score(labels), score(labels.base_dist).sum(1))
    torch.testing.assert_close(score(pixels), score(pixels.base_dist).sum((1, 2)))
    one_pixel = Categorical(logits=pixels.base_dist.logits[:, :, 1, 2])
    torch.testing.assert_close(score(pixels.base_dist)[:, 1, 2], score(one_pixel), rtol=1e-5, atol=1e-6)
