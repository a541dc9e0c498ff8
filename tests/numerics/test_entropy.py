"""Entropies and information of every kind of prediction."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Categorical, Independent, Normal, StudentT

from bayesal.numerics.entropy import entropy, expected_entropy, information, mixture_entropy, moment_matched_entropy
from tests.oracles import POOL, joint_information, shannon

ROOM = torch.Generator().manual_seed(0)
KINDS = {
    "categorical": Categorical(logits=torch.randn(3, 4, 5, generator=ROOM)),
    "binary": Bernoulli(logits=torch.randn(3, 4, generator=ROOM)),
    "multi-label": Independent(Bernoulli(logits=torch.randn(3, 4, 5, generator=ROOM)), 1),
    "regression": Normal(torch.randn(3, 4, generator=ROOM), torch.rand(3, 4, generator=ROOM) + 0.1),
    "outputs": Independent(Normal(torch.randn(3, 4, 5, generator=ROOM), 0.3), 1),
    "dense": Independent(Categorical(logits=torch.randn(3, 4, 2, 6, 5, generator=ROOM)), 2),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
def test_one_number_a_hypothesis_or_a_point(kind):
    predictions = KINDS[kind]
    assert entropy(predictions).shape == (3, 4)
    for quantity in (mixture_entropy, expected_entropy, information):
        assert quantity(predictions).shape == (3,)


@each_kind
def test_entropy_of_one_hypothesis_is_torchs_own(kind):
    torch.testing.assert_close(entropy(KINDS[kind]), KINDS[kind].entropy(), rtol=1e-5, atol=1e-6)


@each_kind
def test_mixture_is_information_plus_expected(kind):
    predictions = KINDS[kind]
    torch.testing.assert_close(expected_entropy(predictions), entropy(predictions).mean(1))
    together = information(predictions) + expected_entropy(predictions)
    torch.testing.assert_close(together, mixture_entropy(predictions), rtol=1e-5, atol=1e-5)
    assert (information(predictions) > 0).all()


@each_kind
def test_information_is_at_most_that_of_naming_the_hypothesis_for_every_label(kind):
    predictions = KINDS[kind]
    labels = predictions.event_shape.numel() if isinstance(predictions, Independent) else 1
    assert (information(predictions) <= labels * math.log(4) + 1e-6).all()


def test_entropy_of_each_hypothesis_is_shannons():
    expected = [[shannon(row) for row in point] for point in POOL]
    seen = entropy(Categorical(probs=torch.tensor(POOL, dtype=torch.float64)))
    torch.testing.assert_close(seen.tolist(), expected, rtol=1e-12, atol=1e-15)


@given(seed=st.integers(0, 2**32))
def test_the_sum_over_labels_bounds_their_joint_information(seed):
    """Three binary labels of one point are three points with the same hypotheses."""
    yes = torch.rand(1, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    labels = [[[1 - p, p] for p in row] for row in yes[0].T.tolist()]
    joint = joint_information(labels, [0, 1, 2])
    summed = float(information(Independent(Bernoulli(probs=yes), 1)))
    assert summed >= joint - 1e-12


def test_moments_bound_the_entropy_of_a_mixture(generator):
    predictions = Normal(torch.randn(50, 6, generator=generator), torch.rand(50, 6, generator=generator) + 0.1)
    assert (moment_matched_entropy(predictions) >= mixture_entropy(predictions) - 1e-6).all()


def test_moments_are_exact_where_hypotheses_agree():
    predictions = Independent(Normal(torch.full((2, 5, 3), 1.5), 0.7), 1)
    torch.testing.assert_close(moment_matched_entropy(predictions), mixture_entropy(predictions))


def test_logits_made_from_exact_probabilities_keep_their_zeros():
    """torch rounds ln 0 up to ln(1e-7) when asked for the logits; what it was given is exact."""
    certain = Categorical(probs=torch.tensor([[[1.0, 0.0], [1.0, 0.0]]]))
    assert certain.logits.isfinite().all()
    assert float(entropy(certain).sum()) == 0
    assert float(mixture_entropy(certain)) == 0


def test_a_base_that_is_not_reinterpreted_is_left_as_it_is():
    plain = KINDS["categorical"]
    torch.testing.assert_close(mixture_entropy(Independent(plain, 0)), mixture_entropy(plain))


def test_predictions_shared_by_points_may_be_expanded_views():
    one = torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    many = Categorical(logits=one).expand([3, 4])
    torch.testing.assert_close(information(many), information(Categorical(logits=one[None])).expand(3))


def test_a_type_of_ones_own_can_join():
    with pytest.raises(ValueError, match=r"mixture_entropy\.register"):
        mixture_entropy(StudentT(torch.full((2, 3), 4.0)))

    class Coin(StudentT):
        pass

    mixture_entropy.register(Coin, lambda predictions: torch.full((2,), 7.0))
    assert mixture_entropy(Coin(torch.full((2, 3), 4.0))).tolist() == [7, 7]
    assert entropy(Coin(torch.full((2, 3), 4.0))).shape == (2, 3)


def test_moments_are_for_normals():
    with pytest.raises(ValueError, match="moment_matched_entropy of Categorical"):
        moment_matched_entropy(KINDS["categorical"])
