"""A sound posterior passes, and each known way of being wrong is caught with its own sentence."""

from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.distributions import Categorical, Distribution
from torch.nn import functional as F

from bayesal.testing import LawBroken, check_posterior, examine_posterior

INPUTS = torch.randn(12, 4, generator=Generator().manual_seed(5))
WEIGHT = torch.randn(3, 4, generator=Generator().manual_seed(6))


class Functions:
    """K linear classifiers, held by value."""

    def __init__(self, weights: Tensor) -> None:
        self.weights = weights

    def __call__(self, inputs: Tensor, /) -> Distribution:
        return Categorical(logits=(inputs @ self.weights.mT).transpose(0, 1), validate_args=False)


class Calling:
    def __init__(self, act: Callable[[Tensor], Tensor]) -> None:
        self.act = act

    def __call__(self, inputs: Tensor, /) -> Distribution:
        return Categorical(logits=self.act(inputs), validate_args=False)


class Sound:
    def draw(self, num_hypotheses: int, *, generator: Generator) -> Functions:
        return Functions(torch.randn(num_hypotheses, 3, 4, generator=generator))


def test_a_sound_posterior_keeps_every_law() -> None:
    findings = check_posterior(Sound(), INPUTS)
    assert [finding for finding in findings if finding.warning or not finding.passed] == []
    assert {"chunks", "order", "duplicates", "seed", "side effects"} <= {finding.law for finding in findings}


class PerRowMasks:
    """What nn.Dropout in train mode does: every row of every call its own mask."""

    def draw(self, num_hypotheses: int, *, generator: Generator) -> Calling:
        k = num_hypotheses
        return Calling(lambda x: F.dropout(x.unsqueeze(1).expand(-1, k, -1), 0.5, training=True) @ WEIGHT.T)


class BatchShapedMasks:
    """One frozen mask of the batch's shape: repeatable, but a row's mask depends on where it stands."""

    def draw(self, num_hypotheses: int, *, generator: Generator) -> Calling:
        k, seed = num_hypotheses, int(torch.randint(1 << 30, (), generator=generator))

        def act(inputs: Tensor) -> Tensor:
            masks = torch.rand(len(inputs), k, 4, generator=Generator().manual_seed(seed)) < 0.5
            return (inputs.unsqueeze(1) * masks) @ WEIGHT.T

        return Calling(act)


class DeadDropout:
    """eval() switched the dropout off: K copies of one function."""

    def draw(self, num_hypotheses: int, *, generator: Generator) -> Functions:
        return Functions(WEIGHT.expand(num_hypotheses, -1, -1))


class RepeatedMembers:
    def draw(self, num_hypotheses: int, *, generator: Generator) -> Functions:
        return Functions(torch.randn(2, 3, 4, generator=generator).repeat(num_hypotheses // 2, 1, 1))


class BatchNormInTrainMode:
    def __init__(self) -> None:
        self.network = nn.BatchNorm1d(4).train()

    def draw(self, num_hypotheses: int, *, generator: Generator) -> Calling:
        weights = torch.randn(num_hypotheses, 3, 4, generator=generator)

        def act(inputs: Tensor) -> Tensor:
            self.network.train()
            return torch.einsum("kcd,nd->nkc", weights, self.network(inputs))

        return Calling(act)


class GivesNaN:
    def draw(self, num_hypotheses: int, *, generator: Generator) -> Calling:
        good = Sound().draw(num_hypotheses, generator=generator)
        return Calling(lambda x: torch.where(x[:, :1, None] > 0, torch.nan, 1.0) * good.weights[:, :, 0].unsqueeze(0))


class HypothesesFirst:
    def draw(self, num_hypotheses: int, *, generator: Generator) -> Calling:
        good = Sound().draw(num_hypotheses, generator=generator)
        return Calling(lambda x: torch.einsum("kcd,nd->knc", good.weights, x))


class GlobalRandomness:
    def draw(self, num_hypotheses: int, *, generator: Generator) -> Functions:
        return Functions(torch.randn(num_hypotheses, 3, 4))


class SharedState:
    """The draw lives in the posterior: a second draw changes the first."""

    def __init__(self) -> None:
        self.weights = WEIGHT

    def draw(self, num_hypotheses: int, *, generator: Generator) -> Calling:
        self.weights = torch.randn(num_hypotheses, 3, 4, generator=generator)
        return Calling(lambda x: torch.einsum("kcd,nd->nkc", self.weights, x))


class FlipsFlags(Sound):
    def __init__(self) -> None:
        self.networks = [nn.Sequential(nn.Linear(4, 4), nn.Dropout())]

    def draw(self, num_hypotheses: int, *, generator: Generator) -> Functions:
        self.networks[0].eval()
        return super().draw(num_hypotheses, generator=generator)


class Undrawable:
    def draw(self, num_hypotheses: int, *, generator: Generator) -> Functions:
        raise RuntimeError("out of memory")


@pytest.mark.parametrize(
    ("broken", "law", "words"),
    [
        (PerRowMasks(), "same call twice", "random runs inside"),
        (PerRowMasks(), "duplicates", "equal points get different answers"),
        (BatchShapedMasks(), "chunks", "depends on the other points"),
        (BatchShapedMasks(), "order", "another order"),
        (DeadDropout(), "hypotheses differ", "one function"),
        (RepeatedMembers(), "hypotheses differ", "only 2 differ"),
        (BatchNormInTrainMode(), "chunks", "BatchNorm in train mode"),
        (BatchNormInTrainMode(), "side effects", "buffers"),
        (GivesNaN(), "finite", "not finite"),
        (HypothesesFirst(), "points first", "points first"),
        (GlobalRandomness(), "seed", "randomness from the generator"),
        (GlobalRandomness(), "global randomness", "global"),
        (SharedState(), "drawn once", "changed hypotheses drawn before"),
        (FlipsFlags(), "side effects", "training flags"),
        (Undrawable(), "draws functions", "out of memory"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_broken_posterior_is_caught_with_its_sentence(broken: Sound, law: str, words: str) -> None:
    with pytest.raises(LawBroken, match=law):
        check_posterior(broken, INPUTS)
    found = [f for f in examine_posterior(broken, INPUTS) if f.law == law and not f.passed]
    assert len(found) == 1
    assert words in found[0].sentence


def test_the_check_itself_leaves_training_flags_alone() -> None:
    class Holder(Sound):
        def __init__(self) -> None:
            self.network = nn.Sequential(nn.Linear(4, 4), nn.Dropout())
            self.network[1].eval()

    holder = Holder()
    check_posterior(holder, INPUTS)
    assert [m.training for m in holder.network.modules()] == [True, True, False]


def test_a_finite_ensemble_may_ignore_the_seed_and_give_fewer_than_asked() -> None:
    class Three:
        def draw(self, num_hypotheses: int, *, generator: Generator) -> Functions:
            return Functions(torch.stack([WEIGHT, 2 * WEIGHT, -WEIGHT])[:num_hypotheses])

    check_posterior(Three(), INPUTS)


def test_too_few_points_to_check_on_is_said() -> None:
    with pytest.raises(ValueError, match="at least 4"):
        check_posterior(Sound(), INPUTS[:3])
