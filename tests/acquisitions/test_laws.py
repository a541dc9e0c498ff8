"""The laws every score of classes obeys."""

import math
import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Categorical, Independent, Normal, StudentT

from bayesal import acquisitions
from bayesal.numerics import classes

SCORES = ("entropy", "expected_entropy", "bald", "least_confidence", "margin", "mean_std", "variation_ratio")
each_score = pytest.mark.parametrize("score", [getattr(acquisitions, name) for name in SCORES], ids=SCORES)
seeds = st.integers(0, 2**32)


def draw(seed: int, n: int = 7, k: int = 5, c: int = 4, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(n, k, c, dtype=dtype, generator=torch.Generator().manual_seed(seed)).mul_(3).log_softmax(-1)


@each_score
@given(seed=seeds)
def test_the_order_of_hypotheses_and_of_classes_does_not_matter(score, seed):
    logits = draw(seed)
    generator = torch.Generator().manual_seed(seed)
    shuffled = logits[:, torch.randperm(5, generator=generator)][:, :, torch.randperm(4, generator=generator)]
    torch.testing.assert_close(score(Categorical(logits=shuffled)), score(Categorical(logits=logits)))


@each_score
@given(seed=seeds)
def test_the_order_of_points_is_the_order_of_scores(score, seed):
    logits = draw(seed)
    order = torch.randperm(7, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(score(Categorical(logits=logits[order])), score(Categorical(logits=logits))[order])


@each_score
@given(seed=seeds)
def test_every_hypothesis_twice_changes_nothing(score, seed):
    logits = draw(seed)
    torch.testing.assert_close(score(Categorical(logits=logits.repeat(1, 2, 1))), score(Categorical(logits=logits)))


@each_score
@pytest.mark.parametrize("elements", [1, 3 * 5 * 4, 10**6])
def test_chunks_do_not_matter(score, elements, monkeypatch):
    whole = score(Categorical(logits=draw(0)))
    monkeypatch.setattr(classes, "ELEMENTS_PER_CHUNK", elements)
    torch.testing.assert_close(score(Categorical(logits=draw(0))), whole, rtol=1e-14, atol=1e-14)


@each_score
def test_single_and_double_precision_agree(score):
    double = draw(0, n=40, k=20, c=10)
    single = score(Categorical(logits=double.float()))
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), score(Categorical(logits=double)), rtol=0, atol=1e-6)


@each_score
def test_half_precision_is_computed_in_single(score):
    half = Categorical(logits=draw(0).half())
    assert score(half).dtype == torch.float32
    torch.testing.assert_close(score(half), score(Categorical(logits=half.logits.float())), rtol=0, atol=2e-3)


@each_score
def test_gradients_are_left_behind(score):
    logits = draw(0).requires_grad_()
    assert not score(Categorical(logits=logits)).requires_grad
    assert not score(Categorical(probs=logits.exp())).requires_grad


@given(seed=seeds, k=st.integers(2, 8), c=st.integers(2, 8))
def test_scores_stay_in_their_ranges(seed, k, c):
    predictions = Categorical(logits=draw(seed, k=k, c=c, dtype=torch.float32))
    upper = {
        "entropy": math.log(c),
        "expected_entropy": math.log(c),
        "bald": min(math.log(c), math.log(k)),
        "least_confidence": 1 - 1 / c,
        "margin": 1,
        "mean_std": 0.5,
        "variation_ratio": 1 - 1 / min(c, k),
    }
    for name in SCORES:
        scores = getattr(acquisitions, name)(predictions)
        assert (scores >= 0).all(), name
        assert (scores <= upper[name] + 1e-6).all(), name


@given(seed=seeds)
def test_entropy_is_bald_plus_expected_entropy(seed):
    predictions = Categorical(logits=draw(seed))
    together = acquisitions.bald(predictions) + acquisitions.expected_entropy(predictions)
    torch.testing.assert_close(together, acquisitions.entropy(predictions))


@pytest.mark.parametrize("name", ["bald", "mean_std", "variation_ratio"])
def test_hypotheses_that_agree_teach_nothing(name):
    logits = draw(0, k=1).expand(7, 9, 4)
    scores = getattr(acquisitions, name)(Categorical(logits=logits))
    torch.testing.assert_close(scores, torch.zeros_like(scores), rtol=0, atol=1e-12)


def test_bald_of_agreeing_hypotheses_is_never_below_zero_in_single_precision():
    logits = draw(0, n=500, k=1, dtype=torch.float32).expand(500, 33, 4)
    scores = acquisitions.bald(Categorical(logits=logits))
    assert (scores >= 0).all()
    assert (scores < 1e-6).all()


def test_certain_hypotheses_that_disagree_are_worth_all_there_is_to_know():
    one_hot = torch.eye(8).expand(3, 8, 8)
    for predictions in (Categorical(probs=one_hot), Categorical(logits=one_hot.log(), validate_args=False)):
        torch.testing.assert_close(acquisitions.bald(predictions), torch.full((3,), math.log(8)))
        torch.testing.assert_close(acquisitions.expected_entropy(predictions), torch.zeros(3), rtol=0, atol=0)


def test_two_classes_give_one_ranking():
    predictions = Categorical(logits=draw(1, n=50, c=2))
    rankings = [
        getattr(acquisitions, name)(predictions).argsort().tolist()
        for name in ("entropy", "margin", "least_confidence")
    ]
    assert rankings[0] == rankings[1] == rankings[2]


@each_score
def test_a_single_class_has_nothing_uncertain(score):
    torch.testing.assert_close(score(Categorical(logits=draw(0, c=1))), torch.zeros(7, dtype=torch.float64))


@pytest.mark.parametrize("name", ["bald", "mean_std"])
def test_a_single_hypothesis_is_zero_with_a_warning(name):
    with pytest.warns(UserWarning, match="draw more hypotheses"):
        scores = getattr(acquisitions, name)(Categorical(logits=draw(0, k=1)))
    torch.testing.assert_close(scores, torch.zeros(7, dtype=torch.float64), rtol=0, atol=1e-15)


def test_mean_std_of_a_single_hypothesis_is_zero_for_any_correction():
    with pytest.warns(UserWarning, match="draw more hypotheses"):
        scores = acquisitions.mean_std(Categorical(logits=draw(0, k=1)), correction=1)
    assert scores.tolist() == [0] * 7


@pytest.mark.parametrize("name", ["entropy", "expected_entropy", "least_confidence", "margin", "variation_ratio"])
def test_a_single_hypothesis_is_fine_where_hypotheses_need_not_disagree(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert getattr(acquisitions, name)(Categorical(logits=draw(0, k=1))).shape == (7,)


@each_score
def test_an_empty_pool_has_no_scores(score):
    assert score(Categorical(logits=torch.empty(0, 5, 4), validate_args=False)).shape == (0,)
    assert score(Independent(Bernoulli(logits=torch.empty(0, 5, 4), validate_args=False), 1)).shape == (0,)


@each_score
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_a_distribution_is_refused_with_its_point(score, bad):
    logits = draw(0)
    logits[4, 2, 1] = bad
    with pytest.raises(ValueError, match=r"point 4 .*NaN"):
        score(Categorical(logits=logits, validate_args=False))
    with pytest.raises(ValueError, match=r"point 4 .*NaN"):
        score(Categorical(probs=logits, validate_args=False))


@each_score
def test_negative_probabilities_are_refused(score):
    probs = draw(0).exp()
    probs[4, 2, 1] = -0.1
    with pytest.raises(ValueError, match=r"point 4 .*below 0"):
        score(Categorical(probs=probs, validate_args=False))


@each_score
def test_predictions_without_hypotheses_are_refused(score):
    with pytest.raises(ValueError, match=r"axes \(points N, hypotheses K\).*\(7,\)"):
        score(Categorical(logits=draw(0)[:, 0]))
    with pytest.raises(ValueError, match="at least one hypothesis"):
        score(Categorical(logits=draw(0)[:, :0], validate_args=False))


@pytest.mark.parametrize("name", ["least_confidence", "margin", "mean_std", "variation_ratio"])
def test_regression_is_sent_to_what_suits_it(name):
    numbers = Normal(torch.zeros(3, 4), 1)
    for predictions in (numbers, Independent(Normal(torch.zeros(3, 4, 2), 1), 1)):
        with pytest.raises(ValueError, match=f"{name} is for classes.*use entropy, bald or variance"):
            getattr(acquisitions, name)(predictions)


@pytest.mark.parametrize("name", ["entropy", "bald"])
def test_an_unknown_kind_of_prediction_is_refused(name):
    with pytest.raises(ValueError, match="StudentT predictions is not known; expected Categorical"):
        getattr(acquisitions, name)(StudentT(torch.ones(3, 4)))


def test_a_correction_needs_hypotheses():
    with pytest.raises(ValueError, match="more than 2 hypotheses"):
        acquisitions.mean_std(Categorical(logits=draw(0, k=2)), correction=2)
