"""Weights of targets from the classes' shares alone."""

import math
from statistics import fmean

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Categorical, Independent, Normal

from bayesal.acquisitions import class_prior_weights, epig
from tests.oracles import POOL, mixture


def random_pool(seed: int, n: int = 6) -> Categorical:
    return Categorical(logits=2 * torch.randn(n, 5, 3, generator=torch.Generator().manual_seed(seed)).double())


@given(seed=st.integers(0, 2**32), raw=st.lists(st.floats(0.01, 1), min_size=3, max_size=3))
def test_weights_have_mean_one_and_are_those_of_the_formula(seed, raw):
    pool, prior = random_pool(seed), [x / math.fsum(raw) for x in raw]
    weights = class_prior_weights(pool, torch.tensor(prior, dtype=torch.float64))
    means = [mixture(point) for point in pool.probs.tolist()]
    mass = [fmean(column) for column in zip(*means, strict=True)]
    expected = [math.fsum(p * m / z for p, m, z in zip(prior, mean, mass, strict=True)) for mean in means]
    torch.testing.assert_close(weights.tolist(), expected)
    assert fmean(weights.tolist()) == pytest.approx(1)


def test_the_prior_of_the_pool_itself_weighs_all_alike():
    pool = Categorical(probs=torch.tensor(POOL, dtype=torch.float64))
    weights = class_prior_weights(pool, pool.probs.mean((0, 1)))
    torch.testing.assert_close(weights, torch.ones(5, dtype=torch.float64))


def test_certain_points_of_unwanted_classes_do_not_count():
    pool = Categorical(probs=torch.eye(3)[[0, 0, 0, 1, 2]][:, None].expand(5, 4, 3))
    weights = class_prior_weights(pool, torch.tensor([0.5, 0.5, 0.0]))
    torch.testing.assert_close(weights, torch.tensor([5 / 6, 5 / 6, 5 / 6, 5 / 2, 0]))


def test_a_class_that_nobody_wants_may_be_missing():
    pool = Categorical(probs=torch.tensor([[[0.5, 0.5, 0.0]], [[0.25, 0.75, 0.0]]]))
    weights = class_prior_weights(pool, torch.tensor([1.0, 0.0, 0.0]))
    torch.testing.assert_close(weights, torch.tensor([4 / 3, 2 / 3]))


def test_they_are_weights_of_epig_and_weigh_a_bernoulli_too():
    pool = random_pool(0)
    assert epig(pool, pool, class_prior_weights(pool, torch.tensor([1.0, 0.0, 0.0]))).shape == (6,)
    yes = torch.tensor([[0.9], [0.1]], dtype=torch.float64)
    weights = class_prior_weights(Bernoulli(probs=yes), torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(weights, torch.tensor([1.8, 0.2], dtype=torch.float64))


@pytest.mark.parametrize(
    ("prior", "sentence"),
    [
        ([0.5, 0.5], r"prior of 3 classes, but got shape \(2,\)"),
        ([0.5, 0.7, -0.2], "at least 0 that sum to 1"),
        ([0.5, 0.7, 0.2], "sum to 1.*1.4"),
        ([0.5, math.nan, 0.5], "sum to 1"),
    ],
)
def test_what_is_no_prior_is_refused(prior, sentence):
    with pytest.raises(ValueError, match=sentence):
        class_prior_weights(random_pool(0), torch.tensor(prior))


def test_a_wanted_class_without_points_is_refused():
    pool = Categorical(probs=torch.tensor([[[0.5, 0.5, 0.0]]]))
    with pytest.raises(ValueError, match=r"class 2 has the prior 0.5, but no point"):
        class_prior_weights(pool, torch.tensor([0.5, 0.0, 0.5]))


@pytest.mark.parametrize(
    "predictions",
    [
        Normal(torch.zeros(3, 4), 1.0),
        Independent(Bernoulli(logits=torch.zeros(3, 4, 2)), 1),
        Categorical(logits=torch.zeros(3, 4, 2, 3)),
        Categorical(logits=torch.empty(0, 4, 3), validate_args=False),
    ],
)
def test_predictions_without_one_class_a_point_are_refused(predictions):
    with pytest.raises(ValueError, match="a class prior"):
        class_prior_weights(predictions, torch.tensor([0.5, 0.25, 0.25]))


def test_nan_is_refused_with_its_point():
    logits = torch.zeros(3, 4, 3)
    logits[1, 2, 0] = math.nan
    with pytest.raises(ValueError, match="point 1"):
        class_prior_weights(Categorical(logits=logits, validate_args=False), torch.tensor([0.5, 0.25, 0.25]))
