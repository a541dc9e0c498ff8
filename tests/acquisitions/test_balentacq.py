"""BalEntAcq: the card's numbers, an enumeration that shares no code, and what must stay finite."""

import math
import sys
from statistics import fmean, variance

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import betaln, digamma
from torch.distributions import Bernoulli, Categorical, Independent, Normal

from bayesal.acquisitions import balentacq
from bayesal.testing import check_acquisition
from tests.oracles import POOL, mixture, predictive_entropy

BALANCED_ENTROPY = {  # x0, x1, x2, x3
    1: (0.509359, 0.509359, -0.188062, 0.298735),
    0: (0.562383, 0.562383, -0.300706, 0.216711),
}
CONFIDENT = [[0.98, 0.01, 0.01], [0.95, 0.03, 0.02], [0.99, 0.005, 0.005]]
each_correction = pytest.mark.parametrize("correction", [1, 0])


def scores(*points, correction=1) -> list[float]:
    return balentacq(Categorical(probs=torch.tensor(points, dtype=torch.float64)), correction=correction).tolist()


def beta_entropy(a: float, b: float) -> float:
    return betaln(a, b) - (a - 1) * digamma(a) - (b - 1) * digamma(b) + (a + b - 2) * digamma(a + b)


def observations(point, correction: int) -> float:
    """The least n = p̄ (1 - p̄) / v - 1 of a class; below 0 if the hypotheses disagree more than any Beta."""
    scale = (len(point) - 1) / (len(point) - correction)
    means, columns = mixture(point), zip(*point, strict=True)
    return min(m * (1 - m) / (variance(column) * scale) - 1 for m, column in zip(means, columns, strict=True))


def balanced_entropy(point, correction: int) -> float:
    """Class by class, without floors."""
    remains = 0.0
    for m, column in zip(mixture(point), zip(*point, strict=True), strict=True):
        v = variance(column) * (len(column) - 1) / (len(column) - correction)
        n = m * (1 - m) / v - 1
        remains += m * min(0.0, beta_entropy(m * n + 1, (1 - m) * n))
    return (remains + predictive_entropy(point)) / (predictive_entropy(point) + math.log(2))


@each_correction
def test_worked_numbers_of_the_fixture(correction):
    expected = [1 / b if b >= 0 else b for b in BALANCED_ENTROPY[correction]]
    assert scores(*POOL[:4], correction=correction) == pytest.approx(expected, rel=6e-6)


def test_worked_scores_of_the_card():
    assert scores(POOL[0], POOL[2], POOL[3]) == pytest.approx([1.96325, -0.188062, 3.34745], rel=3e-6)
    assert scores(POOL[0], POOL[3], correction=0) == pytest.approx([1.77815, 4.61444], rel=3e-6)
    assert scores(CONFIDENT) == pytest.approx([-3.07821], rel=2e-6)
    assert scores(CONFIDENT, correction=0) == pytest.approx([-3.21576], rel=2e-6)


@each_correction
@given(seed=st.integers(0, 2**32), k=st.integers(3, 6), c=st.integers(2, 5))
def test_random_predictions_agree_with_a_sum_over_classes(correction, seed, k, c):
    logits = torch.randn(3, k, c, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    points = logits.softmax(-1).tolist()
    assume(all(observations(point, correction) > 1e-3 for point in points))  # below are the floors
    balance = [balanced_entropy(point, correction) for point in points]
    expected = [1 / b if b >= 0 else b for b in balance]
    assert scores(*points, correction=correction) == pytest.approx(expected, rel=1e-7)


def test_the_entropy_of_the_label_is_counted_once():
    """A program in circulation scores (H + ln 2) / (MJEnt + H), which puts x2 first: 2.35247, 1.17077, 0.891437."""
    x0, x2, x3 = scores(POOL[0], POOL[2], POOL[3])
    assert x3 > x0 > x2
    uncertainty = {n: predictive_entropy(POOL[n]) for n in (0, 2, 3)}
    twice = {
        n: (h + math.log(2)) / (balanced_entropy(POOL[n], 1) * (h + math.log(2)) + h) for n, h in uncertainty.items()
    }
    assert list(twice.values()) == pytest.approx([0.891437, 2.35247, 1.17077], rel=5e-6)
    assert twice[2] > twice[3] > twice[0]


@each_correction
def test_hypotheses_that_are_sure_and_disagree_stay_finite(correction):
    """v ≥ p̄ (1 - p̄): the Beta of x4 would need a negative (or no) number of observations."""
    sure = torch.tensor(POOL[4:5])
    for predictions in (Categorical(probs=sure), Categorical(logits=sure.log(), validate_args=False)):
        score = balentacq(predictions, correction=correction)
        assert score.isfinite().all()
        assert (score < 0).all()


def test_hypotheses_that_are_sure_come_last_and_first_of_them_those_that_disagree():
    ordered = [POOL[3], POOL[0], POOL[2], CONFIDENT, [[1 / 3] * 3] * 3, POOL[4], [[1.0, 0.0, 0.0]] * 3]
    seen = scores(*ordered)
    assert seen == sorted(seen, reverse=True)
    assert all(map(math.isfinite, seen))


def test_equal_uniform_hypotheses_rank_low():
    """Variance at its floor: h = -8.9, so (-8.94 + ln 3) / (ln 3 + ln 2)."""
    (seen,) = scores([[1 / 3] * 3] * 4)
    assert seen == pytest.approx(-4.38, abs=0.005)


def test_perfect_balance_is_infinitely_good(monkeypatch):
    module = sys.modules["bayesal.acquisitions.balentacq"]  # its name in the package is the function
    monkeypatch.setattr(module, "over_points", lambda *_: torch.tensor([0.0, -0.0, 0.5, -0.5]))
    assert balentacq(Categorical(logits=torch.zeros(4, 3, 2))).tolist() == [math.inf, math.inf, 2, -0.5]


@given(seed=st.integers(0, 2**32), k=st.integers(2, 6), c=st.integers(1, 6), sharpness=st.floats(0, 100))
def test_scores_are_above_one_or_at_most_zero(seed, k, c, sharpness):
    """BalEnt ≤ H / (H + ln 2) < 1."""
    logits = torch.randn(5, k, c, generator=torch.Generator().manual_seed(seed)) * sharpness
    predictions = Categorical(logits=logits)
    seen = balentacq(predictions)
    assert ((seen > (math.log(c) + math.log(2)) / math.log(c) - 1e-6 if c > 1 else seen > 1) | (seen <= 0)).all()


@given(seed=st.integers(0, 2**32), copies=st.integers(2, 4))
def test_copies_of_the_hypotheses_change_only_the_correction(seed, copies):
    logits = torch.randn(4, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    once, often = Categorical(logits=logits), Categorical(logits=logits.repeat(1, copies, 1))
    torch.testing.assert_close(balentacq(often, correction=0), balentacq(once, correction=0), rtol=1e-8, atol=0)
    torch.testing.assert_close(balentacq(often, correction=copies), balentacq(once), rtol=1e-8, atol=0)


def test_the_score_agrees_with_draws_of_the_matched_betas(generator):
    """Σ_c p̄_c h(P_c⁺) of x3 by a million draws a class, scored with scipy's log density."""
    from scipy import stats

    remains = 0.0
    for m, column in zip(mixture(POOL[3]), zip(*POOL[3], strict=True), strict=True):
        n = m * (1 - m) / variance(column) - 1
        density = stats.beta(m * n + 1, (1 - m) * n)
        remains -= m * fmean(density.logpdf(density.rvs(1_000_000, random_state=0)))
    assert remains == pytest.approx(-0.400154, abs=5e-3)


def test_many_labels_are_the_sum_of_their_map(generator):
    labels = Independent(Bernoulli(logits=torch.randn(4, 5, 3, generator=generator)), 1)
    pixels = Independent(Categorical(logits=torch.randn(4, 5, 2, 3, 6, generator=generator)), 2)
    assert balentacq(pixels.base_dist).shape == (4, 2, 3)
    torch.testing.assert_close(balentacq(labels), balentacq(labels.base_dist).sum(1))
    torch.testing.assert_close(balentacq(pixels), balentacq(pixels.base_dist).sum((1, 2)))


def test_two_classes_are_a_bernoulli(generator):
    yes = torch.rand(6, 5, dtype=torch.float64, generator=generator)
    two = Categorical(probs=torch.stack([1 - yes, yes], dim=-1))
    torch.testing.assert_close(balentacq(Bernoulli(probs=yes)), balentacq(two), rtol=1e-9, atol=0)


def test_a_single_hypothesis_has_no_variance():
    for correction in (0, 1):
        with pytest.raises(ValueError, match="needs the variance of probabilities over hypotheses, which 1 of them"):
            balentacq(Categorical(logits=torch.zeros(3, 1, 2)), correction=correction)
    with pytest.raises(ValueError, match="2 of them with a correction of 2 do not have; draw more hypotheses"):
        balentacq(Categorical(logits=torch.zeros(3, 2, 2)), correction=2)


@pytest.mark.parametrize("numbers", [Normal(torch.zeros(3, 4), 1), Independent(Normal(torch.zeros(3, 4, 2), 1), 1)])
def test_regression_is_sent_to_what_suits_it(numbers):
    with pytest.raises(ValueError, match=r"balentacq is for classes.*use bald, variance or epig"):
        balentacq(numbers)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_a_distribution_is_refused_with_its_point(bad):
    logits = torch.randn(5, 3, 4)
    logits[3, 2, 1] = bad
    for predictions in (
        Categorical(logits=logits, validate_args=False),
        Categorical(probs=logits.exp(), validate_args=False),
    ):
        with pytest.raises(ValueError, match=r"point 3 .*NaN"):
            balentacq(predictions)


def test_predictions_without_hypotheses_are_refused():
    with pytest.raises(ValueError, match=r"axes \(points N, hypotheses K\).*\(7,\)"):
        balentacq(Categorical(logits=torch.zeros(7, 4)))


def test_an_empty_pool_has_no_scores():
    assert balentacq(Categorical(logits=torch.empty(0, 5, 4), validate_args=False)).shape == (0,)


def test_single_precision_agrees_with_double(generator):
    double = torch.randn(200, 20, 10, dtype=torch.float64, generator=generator).mul(2).log_softmax(-1)
    single = balentacq(Categorical(logits=double.float()))
    assert single.dtype == torch.float32
    torch.testing.assert_close(1 / single.double(), 1 / balentacq(Categorical(logits=double)), rtol=0, atol=1e-5)


def test_the_laws_of_an_acquisition():
    check_acquisition(balentacq, tasks=("classification", "multilabel", "dense"))
