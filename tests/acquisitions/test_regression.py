"""Scores of predicted numbers."""

import math
from statistics import fmean, pvariance

import pytest
import torch
from torch.distributions import Bernoulli, Categorical, Independent, Normal

from bayesal.acquisitions import bald, entropy, expected_entropy, variance


@pytest.fixture
def numbers(generator) -> Normal:
    mean = torch.randn(6, 5, dtype=torch.float64, generator=generator)
    return Normal(mean, torch.rand(6, 5, dtype=torch.float64, generator=generator) + 0.1)


def test_variance_is_that_of_the_means(numbers):
    expected = [pvariance(means) for means in numbers.loc.tolist()]
    torch.testing.assert_close(variance(numbers).tolist(), expected)


def test_total_variance_adds_the_mean_noise(numbers):
    noise = [fmean(s**2 for s in scales) for scales in numbers.scale.tolist()]
    torch.testing.assert_close((variance(numbers, noise=True) - variance(numbers)).tolist(), noise)


def test_total_variance_is_that_of_the_mixture_by_sampling(numbers, generator):
    hypothesis = torch.randint(5, (200_000,), generator=generator)
    noise = torch.randn(6, 200_000, dtype=torch.float64, generator=generator)
    labels = numbers.loc[:, hypothesis] + numbers.scale[:, hypothesis] * noise
    torch.testing.assert_close(variance(numbers, noise=True), labels.var(1), rtol=0.03, atol=0)


def test_several_outputs_are_summed(generator):
    mean = torch.randn(4, 5, 3, generator=generator)
    outputs = Independent(Normal(mean, 0.5), 1)
    for score in (variance, entropy, expected_entropy, bald):
        assert score(outputs.base_dist).shape == (4, 3)
        torch.testing.assert_close(score(outputs), score(outputs.base_dist).sum(1))


def test_bald_of_distant_certain_predictions_tells_which_hypothesis_is_right():
    predictions = Normal(torch.tensor([[0.0, 100.0, 200.0, 300.0]]), 1)
    torch.testing.assert_close(bald(predictions), torch.tensor([math.log(4)]))


def test_equal_predictions_teach_nothing():
    predictions = Normal(torch.full((3, 8), 2.5), torch.full((3, 8), 0.3))
    torch.testing.assert_close(bald(predictions), torch.zeros(3), rtol=0, atol=1e-6)
    assert variance(predictions).tolist() == [0, 0, 0]


def test_close_means_are_worth_half_the_ratio_of_variances():
    """For a spread far below the noise, I = ½ ln(1 + var μ / σ²) up to higher orders."""
    mean = torch.linspace(-0.01, 0.01, 9, dtype=torch.float64)[None]
    ratio = float(variance(Normal(mean, 1)))
    assert float(bald(Normal(mean, 1))) == pytest.approx(0.5 * math.log1p(ratio), rel=1e-3)


def test_the_unit_of_the_label_shifts_entropy_but_not_bald(numbers):
    scaled = Normal(1000 * numbers.loc + 7, 1000 * numbers.scale)
    torch.testing.assert_close(bald(scaled), bald(numbers), rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(entropy(scaled), entropy(numbers) + math.log(1000), rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(variance(scaled), variance(numbers) * 1e6)


def test_a_single_hypothesis_is_zero_with_a_warning():
    with pytest.warns(UserWarning, match="draw more hypotheses"):
        assert bald(Normal(torch.zeros(3, 1), 2.0)).tolist() == [0, 0, 0]


def test_an_empty_pool_has_no_scores():
    nothing = Normal(torch.empty(0, 5), torch.empty(0, 5))
    for score in (variance, entropy, bald):
        assert score(nothing).shape == (0,)


@pytest.mark.parametrize("classes", [Categorical(logits=torch.zeros(3, 4, 2)), Bernoulli(logits=torch.zeros(3, 4))])
def test_variance_sends_classes_to_what_suits_them(classes):
    with pytest.raises(ValueError, match=r"variance is for regression.*use mean_std"):
        variance(classes)


def test_bad_numbers_are_refused():
    holed = Normal(torch.tensor([[0.0, 1.0], [math.nan, 0.0]]), 1.0, validate_args=False)
    for score in (variance, entropy, bald, expected_entropy):
        with pytest.raises(ValueError, match="point 1"):
            score(holed)
    with pytest.raises(ValueError, match="scale of a Normal must be positive"):
        entropy(Normal(torch.zeros(2, 3), torch.zeros(2, 3), validate_args=False))
    with pytest.raises(ValueError, match=r"axes \(points N, hypotheses K\)"):
        variance(Normal(torch.zeros(3), 1.0))
