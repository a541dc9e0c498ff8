"""The weight of conceivable labels: one more for each class beyond the first, and never less than one."""

import pytest
import torch
from torch import Generator, Tensor
from torch.distributions import Categorical, Distribution, Normal

from bayesal import Pool
from bayesal.acquisitions import entropy, least_confidence
from bayesal.types import Hypotheses
from bayesal.views import Conceivable, Conceives

INPUTS = torch.tensor([[0.0], [1.0], [2.0], [5.0]])


class Belief:
    """The same two hypotheses everywhere; as many conceivable labels as the input says."""

    def draw(self, num_hypotheses: int, *, generator: Generator) -> Hypotheses:
        return lambda inputs: Categorical(probs=torch.tensor([[0.9, 0.1], [0.3, 0.7]]).expand(len(inputs), 2, 2))

    def conceivable(self, inputs: Tensor, /) -> Tensor:
        return inputs[:, 0].long()


class Plain:
    draw = Belief.draw


class Amounts(Belief):
    def draw(self, num_hypotheses: int, *, generator: Generator) -> Hypotheses:
        def hypotheses(inputs: Tensor) -> Distribution:
            return Normal(torch.zeros(len(inputs), 2), 1.0)

        return hypotheses


def pool() -> Pool:
    return Pool.of(INPUTS, ids=range(4))


@pytest.mark.parametrize(
    ("score", "alone"),
    [(entropy, -(0.6 * torch.tensor(0.6).log() + 0.4 * torch.tensor(0.4).log())), (least_confidence, 0.4)],
)
def test_a_score_counts_once_for_each_conceivable_label_and_once_for_none(score, alone: float) -> None:
    look = Conceivable(score, 2)(Belief(), pool(), generator=Generator())
    torch.testing.assert_close(look(INPUTS), alone * torch.tensor([1.0, 1.0, 2.0, 5.0]))
    assert look(INPUTS[:0]).shape == (0,)


def test_others_are_told_what_is_missing() -> None:
    assert isinstance(Belief(), Conceives)
    with pytest.raises(ValueError, match=r"a Plain does not count .*SumProductNetwork"):
        Conceivable(entropy)(Plain(), pool(), generator=Generator())
    with pytest.raises(ValueError, match="among the classes of a point, but the model predicts Normal"):
        Conceivable(entropy)(Amounts(), pool(), generator=Generator())(INPUTS)
