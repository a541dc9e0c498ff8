"""Streaming over points: what a score is shown, and what it costs."""

import pytest
import torch
from torch.distributions import Bernoulli, Categorical, Normal

from bayesal.numerics import classes
from bayesal.numerics.classes import chunks, has_classes, log_probabilities, over_points


@pytest.mark.parametrize(
    "predictions", [Categorical(logits=torch.randn(1000, 20, 10)), Bernoulli(torch.rand(1000, 99))]
)
def test_a_score_sees_a_chunk_and_never_the_whole(predictions, monkeypatch):
    monkeypatch.setattr(classes, "ELEMENTS_PER_CHUNK", 5000)
    shown = []

    def score(logs):
        shown.append(logs.numel())
        return logs[:, 0, 0]

    over_points(predictions, score)
    assert sum(shown) == predictions.batch_shape.numel() * (10 if isinstance(predictions, Categorical) else 2)
    assert max(shown) <= 5000


@pytest.mark.parametrize("points", [0, 1, 7, 8, 9])
def test_chunks_cover_every_point_once_in_order(points, monkeypatch):
    monkeypatch.setattr(classes, "ELEMENTS_PER_CHUNK", 8)
    for per_point in (0, 1, 4, 100):
        covered = [i for chunk in chunks(points, per_point) for i in range(points)[chunk]]
        assert covered == list(range(points))


def test_the_logarithm_of_zero_is_finite_and_still_means_zero():
    for predictions in (
        Categorical(probs=torch.tensor([[[0.0, 1.0]]])),
        Categorical(logits=torch.tensor([[[-torch.inf, 0.0]]]), validate_args=False),
        Bernoulli(probs=torch.tensor([[1.0]])),
        Bernoulli(logits=torch.tensor([[torch.inf]]), validate_args=False),
    ):
        logs = log_probabilities(predictions, slice(None))
        assert logs.isfinite().all()
        assert logs.exp().tolist() == [[[0, 1]]]


def test_numbers_are_not_classes():
    numbers = Normal(torch.zeros(2, 3), 1)
    assert not has_classes(numbers)
    with pytest.raises(ValueError, match="class probabilities were asked for, but the predictions are Normal"):
        over_points(numbers, lambda logs: logs)
