"""Soft labels: what the loss is, what early stopping watches, and what it refuses."""

import math
import re

import pytest
import torch
from torch import Generator, Tensor

from bayesal.learning import CrossEntropy, Loss, SoftCrossEntropy
from bayesal.likelihoods import categorical


def outputs(n: int = 6, classes: int = 4) -> Tensor:
    return torch.randn(n, classes, generator=Generator().manual_seed(0), dtype=torch.float64)


def labels(n: int = 6, classes: int = 4) -> Tensor:
    return torch.randn(n, classes, generator=Generator().manual_seed(1), dtype=torch.float64).softmax(-1)


def test_it_is_the_expected_negative_log_likelihood() -> None:
    seen, soft = outputs().tolist(), labels().tolist()
    expected = []
    for scores, shares in zip(seen, soft, strict=True):
        total = sum(math.exp(score) for score in scores)
        expected.append(-sum(q * math.log(math.exp(s) / total) for s, q in zip(scores, shares, strict=True)))
    assert SoftCrossEntropy()(outputs(), labels()).tolist() == pytest.approx(expected)


def test_early_stopping_watches_the_divergence_which_is_0_at_the_label_itself() -> None:
    assert SoftCrossEntropy().error(labels().log(), labels()).tolist() == pytest.approx([0] * 6, abs=1e-12)
    divergence = (labels() * (labels().log() - outputs().log_softmax(-1))).sum(-1)
    torch.testing.assert_close(SoftCrossEntropy().error(outputs(), labels()), divergence)
    assert (SoftCrossEntropy().error(outputs(), labels()) > 0).all()


def test_a_certain_label_is_a_class_number() -> None:
    classes = torch.tensor([0, 3, 1, 1, 2, 0])
    certain = torch.eye(4, dtype=torch.float64)[classes]
    hard = CrossEntropy()(outputs(), classes)
    torch.testing.assert_close(SoftCrossEntropy()(outputs(), certain), hard)
    torch.testing.assert_close(SoftCrossEntropy().error(outputs(), certain), hard)


def test_it_is_smallest_at_the_label_itself() -> None:
    scores = labels().log().requires_grad_()
    (gradient,) = torch.autograd.grad(SoftCrossEntropy()(scores, labels()).sum(), scores)
    assert float(gradient.abs().max()) < 1e-12


def test_it_is_a_loss_of_classes() -> None:
    assert isinstance(SoftCrossEntropy(), Loss)
    assert SoftCrossEntropy().likelihood is categorical
    assert SoftCrossEntropy().fit(labels()) == SoftCrossEntropy()
    assert repr(SoftCrossEntropy()) == "SoftCrossEntropy()"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64])
def test_labels_are_taken_as_they_are(dtype: torch.dtype) -> None:
    certain = torch.eye(3).to(dtype)
    assert torch.equal(SoftCrossEntropy().prepare(certain, 3), torch.eye(3, dtype=torch.float64))
    assert torch.equal(SoftCrossEntropy().prepare(labels(), 4), labels())


@pytest.mark.parametrize(
    ("wrong", "num_outputs", "sentence"),
    [
        (torch.tensor([0, 1]), 3, "one for each output of the network, but the labels have shape (2,)"),
        (torch.rand(2, 4).softmax(1), 3, "shape (2, 4)"),
        (torch.zeros(2, 3, 3), 3, "shape (2, 3, 3)"),
        (torch.ones(2, 1), 1, "at least two outputs, but this one has 1"),
        (torch.tensor([[0.5, 0.5], [0.5, 0.6]]), 2, "sum to 1, but there is the label [0.5, 0.6]"),
        (torch.tensor([[1.5, -0.5]]), 2, "there is the label [1.5, -0.5]"),
        (torch.tensor([[math.nan, 0.5]]), 2, "there is the label [nan, 0.5]"),
        (torch.tensor([[math.inf, 0.5]]), 2, "there is the label [inf, 0.5]"),
    ],
)  # fmt: skip
def test_labels_that_are_no_probabilities_get_a_sentence(wrong: Tensor, num_outputs: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        SoftCrossEntropy().prepare(wrong, num_outputs)
