"""Losses are negative log-likelihoods of their own likelihoods, in the labels' units."""

import math
import re

import pytest
import torch
from torch import Generator, Tensor
from torch.distributions import Normal

from bayesal.learning import BinaryCrossEntropy, CrossEntropy, GaussianLoss, Loss, SquaredLoss

LABELS: dict[str, tuple[Loss, Tensor, int]] = {
    "classes": (CrossEntropy(), torch.tensor([0, 3, 1, 1]), 4),
    "several labels": (BinaryCrossEntropy(), torch.tensor([[0, 1], [1, 1], [0, 0], [1, 0]]), 2),
    "amounts": (GaussianLoss(), torch.tensor([100.0, 350.0, -20.0, 75.0]), 2),
    "amounts of known noise": (SquaredLoss(variance=0.3), torch.tensor([100.0, 350.0, -20.0, 75.0]), 1),
}


@pytest.mark.parametrize("name", LABELS)
def test_a_loss_is_the_negative_log_likelihood_of_each_label(name: str, generator: Generator) -> None:
    loss, labels, num_outputs = LABELS[name]
    outputs = torch.randn(4, num_outputs, generator=generator, dtype=torch.float64)
    targets = loss.prepare(labels, num_outputs)
    fitted = loss.fit(targets)
    predictions = fitted.likelihood(outputs.unsqueeze(1))
    assert predictions.batch_shape == (4, 1)
    in_own_units = labels.double().unsqueeze(1)
    torch.testing.assert_close(fitted(outputs, targets), -predictions.log_prob(in_own_units).squeeze(1))


def test_amounts_are_predicted_in_their_own_units() -> None:
    labels = torch.tensor([100.0, 200.0, 300.0], dtype=torch.float64)
    fitted = GaussianLoss().fit(labels)
    assert fitted.shift == pytest.approx(200)
    assert fitted.scale == pytest.approx(math.sqrt(20_000 / 3))
    predicted = fitted.likelihood(torch.zeros(1, 1, 2, dtype=torch.float64))
    assert isinstance(predicted, Normal)
    assert predicted.mean.item() == pytest.approx(200)
    assert predicted.variance.item() == pytest.approx(20_000 / 3 * (math.log(2) + 1e-6))


def test_the_gaussian_loss_prefers_the_right_mean_and_spread() -> None:
    targets = torch.randn(2000, generator=Generator().manual_seed(0), dtype=torch.float64) * 5 + 30
    fitted = GaussianLoss().fit(targets)

    def mean_loss(mean: float, variance: float) -> float:
        raw = math.log(math.expm1(variance - 1e-6))
        outputs = torch.tensor([mean, raw], dtype=torch.float64).expand(2000, 2)
        return float(fitted(outputs, targets).mean())

    assert mean_loss(0, 1) == pytest.approx(math.log(5) + 0.5 * math.log(2 * math.pi * math.e), abs=0.05)
    assert all(mean_loss(0, 1) < mean_loss(*other) for other in [(0.3, 1), (-0.3, 1), (0, 1.5), (0, 0.7)])


@pytest.mark.parametrize("labels", [torch.tensor([4.0, 4.0]), torch.tensor([4.0])])
def test_labels_that_never_vary_keep_the_scale_1(labels: Tensor) -> None:
    assert GaussianLoss().fit(labels.double()) == GaussianLoss(shift=4.0, scale=1.0)


def test_early_stopping_watches_the_share_of_wrong_labels() -> None:
    outputs = torch.tensor([[2.0, 1.0], [0.0, 1.0], [5.0, -5.0]])
    assert CrossEntropy().error(outputs, torch.tensor([0, 0, 1])).tolist() == [0, 1, 1]
    wrong = BinaryCrossEntropy().error(outputs - 0.5, torch.tensor([[1.0, 1.0], [0.0, 0.0], [0.0, 1.0]]))
    assert wrong.tolist() == [0, 0.5, 1]


def test_class_numbers_may_be_whole_floats() -> None:
    assert CrossEntropy().prepare(torch.tensor([0.0, 2.0]), 3).tolist() == [0, 2]


@pytest.mark.parametrize(
    ("loss", "labels", "num_outputs", "sentence"),
    [
        (CrossEntropy(), torch.tensor([0, 12]), 10, "network's 10 outputs stand for, but there is the label 12"),
        (CrossEntropy(), torch.tensor([0, -1]), 10, "there is the label -1"),
        (CrossEntropy(), torch.tensor([0.5]), 3, "there is the label 0.5"),
        (CrossEntropy(), torch.tensor([float("nan")]), 3, "there is the label nan"),
        (CrossEntropy(), torch.tensor([0]), 1, "at least two outputs"),
        (CrossEntropy(), torch.tensor([[0, 1]]), 2, "one number a point"),
        (BinaryCrossEntropy(), torch.tensor([[0, 2]]), 2, "0 or 1, but there is the label 2"),
        (BinaryCrossEntropy(), torch.tensor([[0, 1]]), 3, "3 labels each"),
        (GaussianLoss(), torch.tensor([1.0, float("inf")]), 2, "a finite number, but there is the label inf"),
        (GaussianLoss(), torch.tensor([1.0]), 1, "two outputs"),
        (GaussianLoss(), torch.tensor([[1.0, 2.0]]), 2, "one number a point"),
    ],
)  # fmt: skip
def test_labels_that_do_not_fit_get_a_sentence(loss: Loss, labels: Tensor, num_outputs: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        loss.prepare(labels, num_outputs)


def test_the_squared_loss_takes_one_output_and_does_not_care_for_its_variance() -> None:
    targets = SquaredLoss().prepare(torch.tensor([[1.0], [3.0]]), 1)
    assert targets.tolist() == [1.0, 3.0]
    outputs = torch.zeros(2, 1, dtype=torch.float64, requires_grad=True)
    for variance in (0.1, 1.0):
        (gradient,) = torch.autograd.grad(SquaredLoss(2.0, 1.0, variance)(outputs, targets).sum(), outputs)
        torch.testing.assert_close(gradient.flatten() * variance, torch.tensor([1.0, -1.0], dtype=torch.float64))
    with pytest.raises(ValueError, match="the squared loss needs a network with one output, but this one has 2"):
        SquaredLoss().prepare(torch.tensor([1.0]), 2)
