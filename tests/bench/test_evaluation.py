"""The metrics are those of the averaged predictions, whatever the chunks."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss
from torch import Generator, Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal, Poisson

from bayesal.bench.evaluation import calibration_error, evaluate, ood_auroc
from bayesal.bench.tasks import Labelled


@dataclass(frozen=True)
class Told:
    """A belief whose predictions at point i are row i of what it was told; the inputs are 0, 1, 2, ..."""

    predictions: Distribution

    def draw(self, num_hypotheses: int, *, generator: Generator):
        def hypotheses(inputs: Tensor) -> Distribution:
            rows = inputs.long().squeeze(1)
            p = self.predictions
            if isinstance(p, Categorical):
                return Categorical(logits=p.logits[rows, :num_hypotheses])
            if isinstance(p, Normal):
                return Normal(p.loc[rows, :num_hypotheses], p.scale[rows, :num_hypotheses])
            if isinstance(p, Independent):
                return Independent(Bernoulli(logits=p.base_dist.logits[rows, :num_hypotheses]), 1)
            return p

        return hypotheses


def measured(predictions: Distribution, labels: Tensor, num_hypotheses: int = 7) -> dict[str, float]:
    points = torch.arange(len(labels), dtype=torch.float32).unsqueeze(1)
    generator = torch.Generator().manual_seed(0)
    return evaluate(Told(predictions), Labelled(points, labels), num_hypotheses=num_hypotheses, generator=generator)


def test_classes_are_measured_as_scikit_learn_does(generator: torch.Generator):
    logits = torch.randn(600, 7, 4, generator=generator)  # more points than a chunk
    labels = torch.randint(4, (600,), generator=generator)
    probabilities = logits.double().softmax(-1).mean(1).numpy()
    metrics = measured(Categorical(logits=logits), labels)
    assert metrics["accuracy"] == pytest.approx(accuracy_score(labels, probabilities.argmax(1)))
    assert metrics["nll"] == pytest.approx(log_loss(labels, probabilities, labels=range(4)), rel=1e-6)


def test_amounts_are_measured_by_the_mixture():
    mean, sd = torch.tensor([[0.0, 2.0], [1.0, 1.0]]), torch.tensor([[1.0, 2.0], [0.5, 0.5]])
    labels = torch.tensor([1.5, 0.0])

    def density(y: float, m: float, s: float) -> float:
        return math.exp(-((y - m) ** 2) / (2 * s * s)) / (s * math.sqrt(2 * math.pi))

    expected = [(density(1.5, 0, 1) + density(1.5, 2, 2)) / 2, density(0.0, 1, 0.5)]
    metrics = measured(Normal(mean, sd), labels)
    assert metrics["rmse"] == pytest.approx(math.sqrt((0.5**2 + 1.0**2) / 2))
    assert metrics["nll"] == pytest.approx(-sum(map(math.log, expected)) / 2, rel=1e-6)


def test_several_labels_are_measured_one_by_one(generator: torch.Generator):
    logits = torch.randn(300, 5, 3, generator=generator)
    labels = torch.randint(2, (300, 3), generator=generator).float()
    probabilities = logits.double().sigmoid().mean(1).numpy().ravel()
    truth = labels.numpy().ravel()
    metrics = measured(Independent(Bernoulli(logits=logits), 1), labels)
    assert metrics["accuracy"] == pytest.approx(np.mean((probabilities > 0.5) == (truth > 0.5)))
    assert metrics["nll"] == pytest.approx(log_loss(truth, probabilities), rel=1e-6)


def test_one_sure_and_wrong_hypothesis_of_several_keeps_the_nll_finite():
    logits = torch.tensor([[[200.0, -200.0], [0.0, 0.0]]])
    assert measured(Categorical(logits=logits), torch.tensor([1]))["nll"] == pytest.approx(math.log(4))


def test_other_predictions_are_refused():
    with pytest.raises(ValueError, match="a run measures classes, several labels or amounts"):
        measured(Poisson(torch.ones(2, 3)), torch.zeros(2, dtype=torch.int64))


def test_calibration_error_is_the_gap_of_each_bin_by_hand():
    probabilities = torch.tensor([[0.95, 0.05], [0.93, 0.07], [0.4, 0.6], [0.45, 0.55], [0.5, 0.5]])
    labels = torch.tensor([0, 1, 1, 1, 0])
    # Bins end at multiples of 1/15, so each probability has one of its own, but for 0.6 and 0.55.
    expected = (abs(1 - 0.95) + abs(0 - 0.93) + abs(2 - 0.6 - 0.55) + abs(1 - 0.5)) / 5
    assert calibration_error(probabilities.log(), labels) == pytest.approx(expected, abs=1e-6)


def test_sure_and_right_is_calibrated_and_sure_and_wrong_is_not():
    log_probs = torch.tensor([[0.0, -math.inf], [0.0, -math.inf]])
    assert calibration_error(log_probs, torch.tensor([0, 0])) == 0
    assert calibration_error(log_probs, torch.tensor([1, 1])) == 1


def test_strangeness_is_told_apart_as_often_as_pairs_are_ordered(generator: torch.Generator):
    inside, outside = torch.randint(5, (40,), generator=generator), torch.randint(3, 8, (30,), generator=generator)
    pairs = [(a < b) + (a == b) / 2 for a in inside.tolist() for b in outside.tolist()]
    assert ood_auroc(inside.float(), outside.float()) == pytest.approx(sum(pairs) / len(pairs))
