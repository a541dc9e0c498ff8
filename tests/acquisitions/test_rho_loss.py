"""The loss of labels against plain arithmetic, and what is left of it when the irreducible part is taken away."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch.distributions import Bernoulli, Categorical, Independent, Normal, StudentT

from bayesal.acquisitions import label_loss, rho_loss
from bayesal.numerics import classes
from tests.oracles import POOL, mixture

seeds = st.integers(0, 2**32)


def draw(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_the_loss_is_that_of_the_mean_prediction():
    labels = [0, 2, 1, 0, 2]
    expected = [-math.log(mixture(point)[y]) for point, y in zip(POOL, labels, strict=True)]
    for form in (Categorical(probs=torch.tensor(POOL).double()), Categorical(logits=torch.tensor(POOL).double().log())):
        torch.testing.assert_close(label_loss(form, torch.tensor(labels)).tolist(), expected, rtol=1e-6, atol=1e-7)


@given(seed=seeds, k=st.integers(1, 5), c=st.integers(1, 5))
def test_over_all_labels_the_probabilities_add_up(seed, k, c):
    predictions = Categorical(logits=3 * draw(seed, 4, k, c))
    total = sum((-label_loss(predictions, torch.full((4,), y))).exp() for y in range(c))
    torch.testing.assert_close(total, torch.ones(4, dtype=torch.float64))


@given(seed=seeds)
def test_the_loss_of_an_amount_is_that_of_the_mixture_density(seed):
    mean, scale, labels = draw(seed, 3, 4), draw(seed + 1, 3, 4).exp(), draw(seed + 2, 3)
    density = stats.norm.pdf(labels[:, None], mean, scale).mean(1)
    torch.testing.assert_close(label_loss(Normal(mean, scale), labels), -torch.from_numpy(density).log())


def test_many_labels_of_a_point_are_one_joint_label():
    yes = draw(0, 3, 4, 2).sigmoid()
    labels = torch.tensor([[1, 0], [1, 1], [0, 0]])
    joint = torch.where(labels[:, None] == 1, yes, 1 - yes).prod(-1).mean(1)
    torch.testing.assert_close(label_loss(Independent(Bernoulli(probs=yes), 1), labels), -joint.log())
    per_label = torch.where(labels[:, None] == 1, yes, 1 - yes).mean(1)
    torch.testing.assert_close(label_loss(Bernoulli(probs=yes), labels), -per_label.log())


def test_a_map_of_labels_is_one_joint_label():
    logits = draw(1, 3, 4, 2, 2, 5)
    labels = torch.randint(5, (3, 2, 2), generator=torch.Generator().manual_seed(0))
    picked = torch.stack(
        [logits.log_softmax(-1)[n, :, i, j, labels[n, i, j]] for n in range(3) for i in range(2) for j in range(2)]
    )
    joint = picked.view(3, 4, 4).sum(1).exp().mean(1)
    torch.testing.assert_close(label_loss(Independent(Categorical(logits=logits), 2), labels), -joint.log())


def test_several_amounts_are_one_joint_label():
    mean, labels = draw(2, 3, 4, 2), draw(3, 3, 2)
    joint = torch.from_numpy(stats.norm.pdf(labels[:, None], mean, 0.5)).prod(-1).mean(1)
    torch.testing.assert_close(label_loss(Independent(Normal(mean, 0.5), 1), labels), -joint.log())


def test_any_density_will_do():
    labels = draw(4, 3)
    density = torch.from_numpy(stats.t.pdf(labels, 3.0))
    torch.testing.assert_close(label_loss(StudentT(torch.full((3, 2), 3.0).double()), labels), -density.log())


def test_what_both_models_lose_is_not_worth_a_step():
    predictions, labels = Categorical(logits=draw(5, 6, 3, 4)), torch.arange(6) % 4
    assert rho_loss(predictions, labels, label_loss(predictions, labels)).tolist() == [0] * 6


def test_wrong_labels_score_low_and_unlearnt_ones_high():
    knows = torch.tensor([[0.98, 0.01, 0.01]]).expand(3, 1, 3).clone()  # the holdout model is sure of class 0
    unsure = torch.full((3, 1, 3), 1 / 3)
    unsure[1, 0] = knows[1, 0]  # already learnt
    labels = torch.tensor([0, 0, 2])  # unlearnt, learnt, flipped
    unlearnt, learnt, flipped = rho_loss(
        Categorical(probs=unsure), labels, label_loss(Categorical(probs=knows), labels)
    ).tolist()
    assert unlearnt == pytest.approx(math.log(0.98 * 3), rel=1e-5)
    assert learnt == 0
    assert flipped == pytest.approx(math.log(0.01 * 3), rel=1e-5)


def test_impossible_labels_are_infinite_and_cancel():
    sure = Categorical(probs=torch.tensor([[[1.0, 0.0]]]).expand(3, 2, 2))
    logs = Categorical(logits=torch.tensor([[[0.0, -math.inf]]]).expand(3, 2, 2), validate_args=False)
    wrong = torch.tensor([1, 1, 0])
    for predictions in (sure, logs):
        assert label_loss(predictions, wrong).tolist() == [math.inf, math.inf, 0]
        assert rho_loss(predictions, wrong, torch.tensor([1.0, math.inf, math.inf])).tolist() == [
            math.inf,
            0,
            -math.inf,
        ]


def test_one_hypothesis_that_finds_it_possible_is_enough():
    half = Categorical(probs=torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]))
    torch.testing.assert_close(label_loss(half, torch.tensor([1])), torch.tensor([math.log(2)]))


def test_very_unlikely_labels_do_not_underflow():
    logits = torch.tensor([[[0.0, -300.0], [0.0, -301.0]]])
    assert float(label_loss(Categorical(logits=logits), torch.tensor([1]))) == pytest.approx(300.38, abs=0.01)


@pytest.mark.parametrize("elements", [1, 10**6])
def test_chunks_do_not_matter(elements, monkeypatch):
    predictions, labels = Categorical(logits=draw(6, 9, 3, 4)), torch.arange(9) % 4
    whole = label_loss(predictions, labels)
    monkeypatch.setattr(classes, "ELEMENTS_PER_CHUNK", elements)
    torch.testing.assert_close(label_loss(predictions, labels), whole, rtol=1e-14, atol=1e-14)


def test_gradients_are_left_behind():
    mean = draw(7, 3, 2).requires_grad_()
    assert not label_loss(Normal(mean, 1.0), draw(8, 3)).requires_grad
    assert not label_loss(Categorical(logits=mean[..., None].expand(3, 2, 2)), torch.zeros(3).long()).requires_grad


def test_no_points_lose_nothing():
    nothing = Categorical(logits=torch.empty(0, 3, 2), validate_args=False)
    assert rho_loss(nothing, torch.empty(0, dtype=torch.int64), torch.empty(0)).shape == (0,)


CLASSES = Categorical(logits=torch.zeros(3, 2, 4))
NUMBERS = Normal(torch.zeros(3, 2), 1.0)


@pytest.mark.parametrize(
    ("predictions", "labels", "sentence"),
    [
        (CLASSES, torch.tensor([0, 1]), r"labels of shape \(3,\), but they have the shape \(2,\)"),
        (CLASSES, torch.tensor([0, 4, 1]), "label of point 1 must be a class from 0 to 3, but it is 4"),
        (CLASSES, torch.tensor([0, 1, -1]), "label of point 2 must be a class from 0 to 3, but it is -1"),
        (CLASSES, torch.tensor([0.0, 1.0, 2.0]), "whole numbers, but they are torch.float32"),
        (Bernoulli(logits=torch.zeros(3, 2)), torch.tensor([0, 1, 2]), "label of point 2 must be 0 or 1, but it is 2"),
        (NUMBERS, torch.tensor([0.0, math.nan, 1.0]), "label of point 1 must be a finite number, but it is nan"),
        (Categorical(logits=torch.zeros(3, 4)), torch.tensor([0, 1, 2]), r"shape \(\), but they have|axes \(points N"),
    ],
)
def test_labels_that_do_not_fit_are_refused(predictions, labels, sentence):
    with pytest.raises(ValueError, match=sentence):
        label_loss(predictions, labels)


def test_predictions_with_holes_are_refused_with_their_point():
    logits = torch.zeros(3, 2, 4)
    logits[1, 0, 0] = math.nan
    with pytest.raises(ValueError, match="loss of point 1 is NaN"):
        label_loss(Categorical(logits=logits, validate_args=False), torch.tensor([0, 1, 2]))


def test_irreducible_losses_that_do_not_fit_are_refused():
    labels = torch.tensor([0, 1, 2])
    with pytest.raises(ValueError, match=r"one irreducible loss a label, of shape \(3,\), but the shape is \(2,\)"):
        rho_loss(CLASSES, labels, torch.zeros(2))
    with pytest.raises(ValueError, match="irreducible loss of point 2 is NaN"):
        rho_loss(CLASSES, labels, torch.tensor([0.0, 1.0, math.nan]))
