"""Views of predictions: what they show is what the hypotheses say, and a task they cannot show is said."""

import pytest
import torch
from torch import Generator, Tensor
from torch.distributions import Categorical, Distribution, Normal

from bayesal.acquisitions import bald
from bayesal.data.pool import Pool
from bayesal.methods import batchbald
from bayesal.views import Predictions, Predictive

POOL = Pool.of(torch.randn(7, 4, generator=Generator().manual_seed(0)))


class Linear:
    """K linear functions, as classes or as amounts."""

    def __init__(self, classes: bool) -> None:
        self.classes = classes

    def draw(self, num_hypotheses: int, *, generator: Generator) -> "Drawn":
        return Drawn(torch.randn(num_hypotheses, 3, 4, generator=generator), self.classes)


class Drawn:
    def __init__(self, weights: Tensor, classes: bool) -> None:
        self.weights = weights
        self.classes = classes

    def __call__(self, inputs: Tensor, /) -> Distribution:
        outputs = (inputs @ self.weights.mT).transpose(0, 1)
        return Categorical(logits=outputs) if self.classes else Normal(outputs[..., 0], 1.0)


def test_both_views_show_the_same_hypotheses(generator: Generator) -> None:
    rows = POOL.scan(Predictions(5)(Linear(True), POOL, generator=generator))
    scores = POOL.scan(Predictive(bald, 5)(Linear(True), POOL, generator=Generator().manual_seed(0)))
    assert rows.shape == (7, 5, 3)
    torch.testing.assert_close(rows.logsumexp(-1), torch.zeros(7, 5))
    torch.testing.assert_close(bald(Categorical(logits=rows)), scores)


def test_joint_rules_on_amounts_are_told_what_to_use_instead(generator: Generator) -> None:
    with pytest.raises(ValueError, match="joint label configurations need classes, but the model predicts Normal"):
        batchbald(5)(Linear(False), POOL, 2, generator=generator)
