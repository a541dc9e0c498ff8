"""Views of predictions: what they show is what the hypotheses say, and a task they cannot show is said."""

import pytest
import torch
from torch import Generator, Tensor
from torch.distributions import Categorical, Distribution, Normal

from bayesal.acquisitions import bald
from bayesal.data.pool import Pool
from bayesal.methods import batchbald
from bayesal.selection import BatchBALD, grow
from bayesal.views import Predictions, Predictive
from bayesal.views.predictive import class_log_probabilities

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


def test_labels_that_cannot_be_are_impossible_to_joint_rules_too() -> None:
    certain = torch.eye(3).expand(2, 3, 3)
    rows = class_log_probabilities(Categorical(probs=certain))
    assert torch.equal(rows.exp(), certain)
    total = grow(BatchBALD(), rows, 2, generator=Generator()).gains.sum()
    torch.testing.assert_close(total, bald(Categorical(probs=certain))[0].double())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("form", ["logits", "probs"])
def test_half_precision_predictions_suit_joint_rules(dtype: torch.dtype, form: str) -> None:
    outputs = 4 * torch.randn(20, 8, 10, generator=Generator().manual_seed(1))
    given = {form: (outputs if form == "logits" else outputs.softmax(-1)).to(dtype)}
    predictions = Categorical(**given, validate_args=False)
    rows = class_log_probabilities(predictions)
    assert rows.dtype == dtype
    alone = grow(BatchBALD(), rows, 1, generator=Generator())
    exact = bald(Categorical(logits=outputs.double()))
    torch.testing.assert_close(alone.scores, exact[alone.positions], atol=0.03, rtol=0)
