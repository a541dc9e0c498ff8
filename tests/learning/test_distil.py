"""Self-distillation: what the second belief is taught, on which points, and from which seeds."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.distributions import Categorical, Distribution

from bayesal.data import Pool
from bayesal.learning import (
    BinaryCrossEntropy,
    Ensemble,
    SoftCrossEntropy,
    Supervised,
    Training,
    distilled,
)
from bayesal.likelihoods import Likelihood, gaussian
from bayesal.networks import MLP
from bayesal.posteriors import DeepEnsemble, MCDropout
from bayesal.types import Hypotheses, Inputs

QUICK = Training(batch_size=16, epoch_size=64, max_epochs=3, patience=None)
THOROUGH = Training(learning_rate=1e-2, batch_size=32, epoch_size=256, max_epochs=40, patience=5)


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def points(n: int = 40, shift: float = 0.0) -> Tensor:
    return torch.randn(n, 3, generator=seed(n)) + shift


def table() -> Pool:
    return Pool.of(points(), labels={i: int(points()[i, 0] > 0) for i in range(0, 20, 2)})


@dataclass(frozen=True)
class Says:
    """Every hypothesis k says: class 1 with probability sigmoid(x_0 + k), whatever it is trained on."""

    num_hypotheses: int = 0
    likelihood: Callable[[Tensor], Distribution] | None = None

    def draw(self, num_hypotheses: int, *, generator: Generator) -> Hypotheses:
        return replace(self, num_hypotheses=num_hypotheses)

    def __call__(self, inputs: Inputs, /) -> Distribution:
        ones = (inputs[:, :1] + torch.arange(self.num_hypotheses)).sigmoid()
        probabilities = torch.stack([1 - ones, ones], -1)
        return self.likelihood(probabilities.log()) if self.likelihood else Categorical(probabilities)


def keep(network: nn.Module, likelihood: Likelihood) -> nn.Module:
    return network


def learner(training: Training = QUICK) -> Supervised:
    return Supervised(partial(MLP, 3, 2), keep, training=training)


def taught(monkeypatch: pytest.MonkeyPatch, pupil: Supervised | Ensemble, pool: Pool, targets: Tensor) -> Any:
    """What the learner of the second belief is called with."""
    calls: list[Any] = []
    monkeypatch.setattr(type(pupil), "__call__", lambda *call: calls.append(call))
    distilled(pupil, Says(), pool, targets, num_hypotheses=4, generator=seed())
    return calls[0]


def test_the_labels_are_the_predictive_means_at_the_labelled_and_the_target_points(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool, targets = table(), points(7, shift=5)
    _, lesson, _ = taught(monkeypatch, learner(), pool, targets)
    shown = torch.cat([pool.gather(pool.labelled), targets])
    torch.testing.assert_close(lesson.gather(lesson.labelled), shown)
    ones = torch.stack([(shown[:, 0] + k).sigmoid() for k in range(4)]).mean(0).double()
    torch.testing.assert_close(lesson.targets(), torch.stack([1 - ones, ones], -1), rtol=1e-6, atol=1e-7)


def test_true_labels_come_in_only_through_the_first_belief() -> None:
    pool = table()
    flipped = Pool.of(points(), labels={key: 1 - label for key, label in pool.labels.items()})
    first, second = (
        distilled(learner(), Says(), each, points(5), num_hypotheses=3, generator=seed()) for each in (pool, flipped)
    )
    assert same(first, second)


def same(one: nn.Module, other: nn.Module) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in one.state_dict().items())


def test_the_recipe_stays_but_for_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    pupil, _, _ = taught(monkeypatch, learner(), table(), points(5))
    assert repr(pupil) == repr(replace(learner(), loss=SoftCrossEntropy()))


@pytest.mark.parametrize("standardise", [True, False])
def test_inputs_are_put_on_the_pools_scale_with_company_that_teaches_nothing(
    standardise: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, lesson, _ = taught(monkeypatch, replace(learner(), standardise=standardise), table(), points(5))
    assert len(lesson.labels) == 15
    assert len(lesson) == (55 if standardise else 15)


def test_validation_labels_are_certain(monkeypatch: pytest.MonkeyPatch) -> None:
    validated = replace(learner(), validation=(points(3), torch.tensor([1, 0, 1])))
    pupil, _, _ = taught(monkeypatch, validated, table(), points(5))
    assert torch.equal(pupil.validation[0], points(3))
    assert pupil.validation[1].tolist() == [[0, 1], [1, 0], [0, 1]]


def test_validation_points_decide_which_epoch_is_kept() -> None:
    against = replace(learner(THOROUGH), validation=(points(), (points()[:, 0] < 0).long()))
    plain, stopped = (
        distilled(each, Says(), table(), points(5), num_hypotheses=3, generator=seed())
        for each in (learner(THOROUGH), against)
    )
    assert not same(plain, stopped)


def test_the_second_belief_predicts_what_the_first_one_did() -> None:
    pool, targets = table(), points(30)
    network = distilled(learner(THOROUGH), Says(), pool, targets, num_hypotheses=4, generator=seed())
    with torch.no_grad():
        learned = network(targets.float()).softmax(-1)[:, 1]
    told = torch.stack([(targets[:, 0] + k).sigmoid() for k in range(4)]).mean(0)
    assert float((learned - told).abs().mean()) < 0.05


def test_targets_tell_less_once_they_were_taught() -> None:
    """The point of it all: of an ensemble's disagreement at the targets, most is gone."""
    pool, targets = table(), points(30, shift=1.5)
    ensemble = Ensemble(partial(MLP, 3, 2), DeepEnsemble, 4, training=THOROUGH)
    first = ensemble(pool, seed())
    second = distilled(ensemble, first, pool, targets, num_hypotheses=4, generator=seed(1))
    assert disagreement(second, targets) < 0.5 * disagreement(first, targets)


def disagreement(belief: DeepEnsemble, inputs: Tensor) -> float:
    with torch.no_grad():
        predictions = belief.draw(4, generator=seed())(inputs)
    assert isinstance(predictions, Categorical)
    return float(predictions.probs.std(1).mean())


def test_it_starts_from_seeds_of_its_own_even_with_the_first_beliefs_generator() -> None:
    ensemble = Ensemble(partial(MLP, 3, 2), lambda members, likelihood: members, 2, training=QUICK, together=False)
    pool = Pool.of(points(), labels={i: [0.5, 0.5] for i in range(40)})
    first = replace(ensemble, loss=SoftCrossEntropy())(pool, seed())
    second = distilled(ensemble, Says(), table(), points(), num_hypotheses=3, generator=seed())
    assert not same(first[0], second[0])


def test_a_seed_is_a_result_and_global_randomness_is_left_alone() -> None:
    before = torch.get_rng_state()
    dropout = Supervised(partial(MLP, 3, 2), MCDropout, training=QUICK)
    first = dropout(table(), seed())
    one, again, other = (
        distilled(dropout, first, table(), points(5), num_hypotheses=3, generator=seed(number)) for number in (1, 1, 2)
    )
    assert same(one.network, again.network)
    assert not same(one.network, other.network)
    assert torch.equal(torch.get_rng_state(), before)


def test_without_labels_there_are_still_the_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    _, lesson, _ = taught(monkeypatch, learner(), Pool.of(points()), points(5))
    assert len(lesson.labels) == 5


def test_it_is_asked_chunk_by_chunk_as_the_pool_says(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    says = Says.__call__
    monkeypatch.setattr(Says, "__call__", lambda self, inputs: sizes.append(len(inputs)) or says(self, inputs))
    small = Pool.of(points(), labels={0: 1, 1: 0}, chunk_size=3)
    taught(monkeypatch, learner(), small, points(5))
    assert sizes == [3, 3, 1]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"learner": lambda pool, generator: None}, "taught to Supervised, Ensemble and Greedy learners"),
        ({"learner": replace(learner(), loss=BinaryCrossEntropy())}, "with the loss BinaryCrossEntropy()"),
        ({"belief": Says(likelihood=gaussian)}, "the belief predicts Normal"),
        ({"target_inputs": torch.zeros(5, 2)}, "one tensor of points like the pool's, (3,), but they are (2,)"),
        ({"target_inputs": [[0.0, 0.0, 0.0]]}, "but they are list"),
        ({"learner": replace(learner(), network=partial(MLP, 3, 5))}, "5 probabilities, one for each output"),
        ({"learner": replace(learner(), validation=(points(2), torch.tensor([0, 7])))}, "there is the label 7"),
    ],
)  # fmt: skip
def test_what_cannot_be_taught_gets_a_sentence(wrong: dict[str, Any], sentence: str) -> None:
    asked = {"learner": learner(), "belief": Says(), "target_inputs": points(5)} | wrong
    with pytest.raises(ValueError, match=re.escape(sentence)):
        distilled(pool=table(), num_hypotheses=3, generator=seed(), **asked)
