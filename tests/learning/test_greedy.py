"""Greedy ensembles: one network after the other, each away from the earlier ones, and plain where nothing pushes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import count
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal.data import Pool
from bayesal.learning import (
    BinaryCrossEntropy,
    CrossEntropy,
    Ensemble,
    GaussianLoss,
    Greedy,
    Loss,
    SquaredLoss,
    Supervised,
    Training,
)
from bayesal.learning.greedy import compared
from bayesal.likelihoods import Likelihood
from bayesal.networks import MLP, SmallCNN
from bayesal.numerics.divergence import DIVERGENCES, Divergence
from bayesal.posteriors import GreedyEnsemble

QUICK = Training(batch_size=16, epoch_size=64, max_epochs=3, patience=None, progress=False)
LONGER = replace(QUICK, batch_size=32, max_epochs=25)


def keep(networks: Sequence[nn.Module], likelihood: Likelihood, **known: Any) -> list[nn.Module]:
    return list(networks)


def keep_one(network: nn.Module, likelihood: Likelihood) -> nn.Module:
    return network


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def table(shape: tuple[int, ...] = (3,), labelled: int = 20) -> Pool:
    points = torch.randn(40, *shape, generator=seed())
    return Pool.of(points, labels={2 * i: int(points[2 * i].sum() > 0) for i in range(labelled)})


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def normalised() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2))


NETWORKS = [(partial(MLP, 3, 2), (3,)), (normalised, (3,)), (partial(SmallCNN, 2), (1, 8, 8))]


@pytest.mark.parametrize(("network", "shape"), NETWORKS, ids=["MLP", "BatchNorm", "SmallCNN"])
@pytest.mark.parametrize("standardise", [True, False])
def test_without_strength_it_is_a_plain_ensemble_to_the_last_bit(
    network: Callable[[], nn.Module], shape: tuple[int, ...], standardise: bool
) -> None:
    plain = Ensemble(network, keep, 3, training=QUICK, together=False, standardise=standardise)(table(shape), seed())
    greedy = Greedy(network, keep, 3, strength=0.0, training=QUICK, standardise=standardise)(table(shape), seed())
    assert all(same(one, other) for one, other in zip(greedy, plain, strict=True))


def test_with_strength_only_the_first_member_is_that_of_a_plain_ensemble() -> None:
    plain = Ensemble(normalised, keep, 3, training=QUICK, together=False)(table(), seed())
    greedy = Greedy(normalised, keep, 3, training=QUICK)(table(), seed())
    assert [same(one, other) for one, other in zip(greedy, plain, strict=True)] == [True, False, False]
    assert same(greedy[0], Supervised(normalised, keep_one, training=QUICK)(table(), seed()))


def learned(strength: float, divergence: Divergence = "reverse_kl", number: int = 0) -> GreedyEnsemble:
    make = partial(MLP, 3, 2, hidden=(16,))
    learner = Greedy(make, GreedyEnsemble, 3, strength=strength, divergence=divergence, training=LONGER)
    return learner(table(), seed(number))


@cache
def mean_distance(strength: float, divergence: Divergence = "reverse_kl") -> float:
    found = [learned(strength, divergence, number).mean_distance for number in range(2)]
    return sum(distance for distance in found if distance is not None) / 2


def test_members_are_further_apart_the_stronger_they_are_pushed() -> None:
    assert 1.1 * mean_distance(0.0) < mean_distance(0.3)
    assert 1.1 * mean_distance(0.3) < mean_distance(3.0)


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_every_divergence_pushes(divergence: Divergence) -> None:
    assert mean_distance(3.0, divergence) > 1.2 * mean_distance(0.0)


def test_the_belief_says_what_it_was_trained_with() -> None:
    belief = learned(1.0, "chi2")
    assert (belief.strength, belief.divergence, belief.num_members) == (1.0, "chi2", 3)


def test_a_seed_is_an_ensemble_and_no_global_generator_is_touched() -> None:
    learner = Greedy(normalised, keep, 3, training=QUICK)
    before = torch.get_rng_state()
    first, again, other = learner(table(), seed()), learner(table(), seed()), learner(table(), seed(1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(same(one, another) for one, another in zip(first, again, strict=True))
    assert not any(same(one, another) for one, another in zip(first, other, strict=True))
    assert not any(module.training for member in first for module in member.modules())


def test_the_best_epoch_on_validation_points_is_kept() -> None:
    generator = seed(5)
    points = torch.randn(30, 3, generator=generator)
    held_out = (points, (points.sum(1) > 0).long())
    learner = Greedy(normalised, keep, 3, training=replace(QUICK, max_epochs=6, patience=2), validation=held_out)
    assert "validation=30 points" in repr(learner)
    plain = Ensemble(normalised, keep, 3, training=learner.training, validation=held_out, together=False)
    pairs = zip(replace(learner, strength=0.0)(table(), seed()), plain(table(), seed()), strict=True)
    assert all(same(one, other) for one, other in pairs)
    assert len(learner(table(), seed())) == 3


def test_running_statistics_come_from_the_labelled_points_alone() -> None:
    """Noise points of another size would move them far away."""
    for spread in (5.0, 1e3):
        member = Greedy(normalised, keep, 2, spread=spread, training=QUICK)(table(), seed())[1]
        statistics = [value for name, value in member.state_dict().items() if "running" in name]
        assert statistics
        assert all(value.abs().max() < 20 for value in statistics)


KINDS: list[tuple[Loss, int, Callable[[Tensor], Any]]] = [
    (CrossEntropy(), 2, lambda x: int(x.sum() > 0)),
    (BinaryCrossEntropy(), 3, lambda x: (x > 0).float().numpy()),
    (GaussianLoss(), 2, lambda x: float(1e4 + 500 * x.sum())),
    (SquaredLoss(), 1, lambda x: float(1e4 + 500 * x.sum())),
]


@pytest.mark.parametrize(("loss", "outputs", "answer"), KINDS, ids=[type(kind[0]).__name__ for kind in KINDS])
@pytest.mark.parametrize("labelled", [1, 20])
def test_it_learns_labels_of_every_kind_from_one_point_on(
    loss: Loss, outputs: int, answer: Callable[[Tensor], Any], labelled: int
) -> None:
    points = torch.randn(40, 3, generator=seed())
    pool = Pool.of(points, labels={i: answer(points[i]) for i in range(labelled)})
    belief = Greedy(partial(MLP, 3, outputs), GreedyEnsemble, 3, loss=loss, training=QUICK)(pool, seed())
    assert belief.mean_distance > 0
    predictions = belief.draw(3, generator=seed())(points)
    assert predictions.mean.isfinite().all() if outputs != 2 or isinstance(loss, GaussianLoss) else True
    if isinstance(loss, GaussianLoss | SquaredLoss):
        assert 5e3 < predictions.mean.mean() < 1.5e4


def test_labels_that_are_all_the_same_are_learned() -> None:
    points = torch.randn(10, 3, generator=seed())
    for loss, label in [(CrossEntropy(), 1), (GaussianLoss(), 3.5)]:
        pool = Pool.of(points, labels=dict.fromkeys(range(6), label))
        belief = Greedy(partial(MLP, 3, 2), GreedyEnsemble, 3, loss=loss, training=QUICK)(pool, seed())
        assert belief.distances.isfinite().all()


def test_what_is_compared_has_the_documented_distance() -> None:
    one, other = torch.randn(2, 4, 3, generator=seed())
    both = [torch.stack([v.sigmoid(), 1 - v.sigmoid()], -1) for v in (one, other)]
    values, most = compared(BinaryCrossEntropy())
    torch.testing.assert_close(
        (values(one) - values(other)).square().sum(-1), (both[0] - both[1]).square().sum(-1).mean(-1)
    )
    assert most == float("inf")
    values, most = compared(GaussianLoss(shift=3.0, scale=7.0))
    assert torch.equal(values(one), one[:, :1])
    assert most == 30
    torch.testing.assert_close(compared(CrossEntropy())[0](one).sum(-1), torch.ones(4))


def sick(*which: int) -> Callable[[], nn.Module]:
    """Makes networks of which some start with weights that are not finite."""
    made = count()

    def make() -> nn.Module:
        network = MLP(3, 2)
        if next(made) in which:
            nn.init.constant_(network.head.weight, float("nan"))
        return network

    return make


def test_what_cannot_be_learned_is_refused() -> None:
    make = partial(MLP, 3, 2)
    with pytest.raises(ValueError, match="the training diverged"):
        Greedy(sick(1), keep, 3, training=QUICK)(table(), seed())
    with pytest.raises(ValueError, match="nothing in the pool is labelled"):
        Greedy(make, keep)(Pool.of(torch.randn(4, 3)), seed())
    with pytest.raises(ValueError, match="at least 2 members"):
        Greedy(make, keep, 1)
    with pytest.raises(ValueError, match=r"strength must be a number of at least 0, but it is -1\.0"):
        Greedy(make, keep, strength=-1.0)
    with pytest.raises(ValueError, match="spread must be a number of at least 0, but it is inf"):
        Greedy(make, keep, spread=float("inf"))
    with pytest.raises(ValueError, match="the loss is Focal"):
        compared(Focal())
    words = Pool.of(torch.randint(9, (6, 3), generator=seed()), labels=dict.fromkeys(range(4), 1))
    text = Greedy(partial(Words, 9, 2), keep, training=QUICK, standardise=False)
    with pytest.raises(ValueError, match="this needs points that are real numbers"):
        text(words, seed())


class Words(nn.Module):
    def __init__(self, words: int, outputs: int) -> None:
        super().__init__()
        self.table = nn.Embedding(words, outputs)

    def forward(self, words: Tensor) -> Tensor:
        return self.table(words).mean(1)


class Focal:  # a user's own loss, of which nobody knows what its outputs mean
    def __call__(self, outputs: Tensor, targets: Tensor, /) -> Tensor:
        return outputs[:, 0]

    def error(self, outputs: Tensor, targets: Tensor, /) -> Tensor:
        return outputs[:, 0]

    def prepare(self, labels: Tensor, num_outputs: int, /) -> Tensor:
        return labels

    def fit(self, targets: Tensor, /) -> "Focal":
        return self

    @property
    def likelihood(self) -> Likelihood:
        return CrossEntropy().likelihood


def test_it_prints_as_its_settings() -> None:
    text = repr(Greedy(partial(MLP, 3, 2), GreedyEnsemble))
    assert text.startswith("Greedy(network=MLP(3, 2), wrap=GreedyEnsemble, num_members=5, strength=3.0, divergence=")
