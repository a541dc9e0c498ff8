"""Supervised learners: what they train on, in whose units they speak, and what they refuse."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Generator, Tensor, nn
from torch.distributions import Categorical, Independent, Normal

from bayesal.data import Pool
from bayesal.learning import BinaryCrossEntropy, CrossEntropy, Ensemble, GaussianLoss, Supervised, Training
from bayesal.likelihoods import Likelihood
from bayesal.networks import MLP, MnistCNN, SmallCNN, Standardise
from bayesal.posteriors import MCDropout
from bayesal.posteriors.ensemble import DeepEnsemble

DIGITS = Training(learning_rate=3e-3, batch_size=32, epoch_size=256, max_epochs=30, patience=5)
QUICK = Training(batch_size=16, epoch_size=64, max_epochs=3, patience=None)


def keep(network: nn.Module, likelihood: Likelihood) -> tuple[nn.Module, Likelihood]:
    return network, likelihood


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def table(n: int = 40) -> Pool:
    points = torch.randn(n, 3, generator=seed())
    return Pool.of(points, labels={i: int(points[i, 0] > 0) for i in range(0, n, 2)})


def weights(learned: tuple[nn.Module, Likelihood]) -> dict[str, Tensor]:
    return learned[0].state_dict()


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def digits() -> tuple[Pool, Tensor, Tensor]:
    images, classes = load_digits(return_X_y=True)
    points = torch.from_numpy(images).view(-1, 1, 8, 8)  # doubles from 0 to 16, as scikit-learn gives them
    known = torch.randperm(1797, generator=seed(2))[:100].tolist()
    rest = np.setdiff1d(np.arange(1797), known)
    return Pool.of(points, labels={i: int(classes[i]) for i in known}), points[rest], torch.from_numpy(classes)[rest]


@pytest.mark.parametrize(
    "learner",
    [
        Supervised(SmallCNN, MCDropout, training=DIGITS),
        Supervised(partial(MLP, 64, 10), MCDropout, training=DIGITS),
        Ensemble(partial(MLP, 64, 10), DeepEnsemble, 3, training=DIGITS),
    ],
    ids=["convolutions", "perceptron", "ensemble"],
)
def test_it_learns_digits_from_100_labels(learner: Supervised | Ensemble) -> None:
    pool, points, classes = digits()
    with torch.no_grad():
        predictions = learner(pool, seed()).draw(20, generator=seed())(points)
    assert isinstance(predictions, Categorical)
    accuracy = (predictions.probs.mean(1).argmax(-1) == classes).double().mean()
    assert accuracy > 0.85


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (1e4, 250.0), (-3.0, 1e-3)])
def test_amounts_are_predicted_in_their_own_units(shift: float, scale: float) -> None:
    points = torch.rand(60, 2, generator=seed(), dtype=torch.float64) * torch.tensor([1.0, 1000.0]) + 500
    amounts = shift + scale * ((points[:, 0] - 500.5) * 6 + torch.randn(60, generator=seed(1)) * 0.3)
    pool = Pool.of(points, labels=dict(enumerate(amounts.tolist())))
    learner = Supervised(
        partial(MLP, 2, 2, dropout=0.05), MCDropout, GaussianLoss(), Training(learning_rate=3e-3, max_epochs=15)
    )
    with torch.no_grad():
        predictions = learner(pool, seed()).draw(30, generator=seed())(points)
    assert isinstance(predictions, Normal)
    rest = (predictions.mean.mean(1) - amounts).square().mean().sqrt()
    assert rest < 0.45 * scale
    assert predictions.stddev.mean() == pytest.approx(0.3 * scale, rel=0.5)


def test_the_scale_of_amounts_and_inputs_changes_nothing_but_units() -> None:
    points = torch.randn(40, 2, generator=seed(), dtype=torch.float64)
    amounts = points.sum(1) + torch.randn(40, generator=seed(1))
    learner = Supervised(partial(MLP, 2, 2), MCDropout, GaussianLoss(), QUICK)

    def predicted(stretch: Tensor, offset: float, scale: float) -> Tensor:
        pool = Pool.of(points * stretch, labels=dict(enumerate((offset + scale * amounts).tolist())))
        return learner(pool, seed()).draw(5, generator=seed())(points * stretch).mean

    plain = predicted(torch.tensor([1.0, 1.0]), 0.0, 1.0)
    moved = predicted(torch.tensor([1e3, 1e-3]), -20.0, 8.0)
    torch.testing.assert_close(moved, -20 + 8 * plain, rtol=1e-3, atol=1e-3)


def test_several_labels_a_point() -> None:
    points = torch.randn(200, 2, generator=seed())
    pool = Pool.of(points, labels={i: [int(points[i, 0] > 0), int(points[i, 1] > 0)] for i in range(200)})
    learner = Supervised(partial(MLP, 2, 2), MCDropout, BinaryCrossEntropy(), Training(learning_rate=1e-2))
    predictions = learner(pool, seed()).draw(10, generator=seed())(points)
    assert isinstance(predictions, Independent)
    right = (predictions.mean.mean(1) > 0.5) == (points > 0)
    assert right.double().mean() > 0.95


def test_it_trains_on_what_is_labelled_and_on_nothing_else() -> None:
    pool = table()
    learner = Supervised(partial(MLP, 3, 2), keep, training=QUICK, standardise=False)
    others = pool.gather(pool.ids).clone()
    others[1::2] += 100
    elsewhere = Pool.of(others, labels=pool.labels)
    assert equal(weights(learner(pool, seed())), weights(learner(elsewhere, seed())))
    more = pool.with_labels({1: 1})
    assert not equal(weights(learner(pool, seed())), weights(learner(more, seed())))


def test_it_starts_from_scratch_each_time_and_a_seed_is_a_result() -> None:
    pool = table()
    learner = Supervised(partial(MLP, 3, 2), keep, training=QUICK)
    torch.manual_seed(1)
    first = learner(pool, seed())
    torch.manual_seed(2)
    second = learner(pool, seed())
    assert first[0] is not second[0]
    assert equal(weights(first), weights(second))
    assert not equal(weights(first), weights(learner(pool, seed(1))))


def test_global_randomness_is_left_alone() -> None:
    before = torch.get_rng_state()
    Supervised(SmallCNN, keep, training=QUICK)(digits()[0], seed())
    assert torch.equal(torch.get_rng_state(), before)


def test_validation_points_decide_which_epoch_is_kept() -> None:
    pool = table()
    learner = Supervised(partial(MLP, 3, 2), keep, training=replace(QUICK, max_epochs=30))
    flipped = 1 - (pool.gather(pool.ids)[:, 0] > 0).long()  # the opposite of what the pool teaches
    against = replace(learner, validation=(pool.gather(pool.ids), flipped))
    assert not equal(weights(learner(pool, seed())), weights(against(pool, seed())))


def test_the_inputs_scale_goes_into_the_belief() -> None:
    network, _ = Supervised(partial(MLP, 3, 2), keep, training=QUICK)(table(), seed())
    assert isinstance(network, nn.Sequential)
    assert isinstance(network[0], Standardise)
    torch.testing.assert_close(network[0].mean, table().gather(table().ids).mean(0))
    bare, _ = Supervised(partial(MLP, 3, 2), keep, training=QUICK, standardise=False)(table(), seed())
    assert isinstance(bare, MLP)
    assert not network.training
    assert not bare.training


def test_words_are_looked_up_as_they_are() -> None:
    words = torch.randint(5, (30, 4), generator=seed())
    pool = Pool.of(words, labels={i: int(words[i, 0] > 2) for i in range(30)})
    make = lambda: nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(12, 2))  # noqa: E731
    network, _ = Supervised(make, keep, training=QUICK, standardise=False)(pool, seed())
    assert network(words).shape == (30, 2)


def test_networks_in_double_precision_are_trained_in_double_precision() -> None:
    network, _ = Supervised(lambda: MLP(3, 2).double(), keep, training=QUICK)(table(), seed())
    assert {value.dtype for value in network.state_dict().values()} == {torch.float64}


def test_the_recipe_is_printed() -> None:
    learner = Supervised(partial(MLP, 3, 2), MCDropout, validation=(torch.zeros(7, 3), torch.zeros(7)))
    assert repr(learner) == (
        "Supervised(network=MLP(3, 2), wrap=MCDropout, loss=CrossEntropy(), training=Training(optimiser=adamw, "
        "learning_rate=0.001, weight_decay=0.01, batch_size=64, epoch_size=1024, max_epochs=100, patience=3, "
        "clip_norm=None, schedule=None, progress=True), validation=7 points, standardise=True)"
    )
    assert "validation=None" in repr(Ensemble(MnistCNN, DeepEnsemble))


def unlabelled() -> Pool:
    return Pool.of(torch.zeros(4, 3))


def labelled(label: object = 0, value: float = 0.0) -> Pool:
    return Pool.of(torch.full((4, 3), value), labels={0: 1, 2: label})


def named() -> Pool:
    return Pool.of([{"a": torch.zeros(3)}] * 3, labels=[0, 1, 0])


def flat() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 2), nn.Flatten(0))


class NoiseAlways(MLP):
    def forward(self, points: Tensor) -> Tensor:
        return super().forward(points + 0.1 * torch.randn_like(points))


def test_even_a_network_that_is_noisy_in_evaluation_leaves_global_randomness_alone() -> None:
    before = torch.get_rng_state()
    held_out = torch.randn(9, 3, generator=seed()), torch.zeros(9)
    for learner in (
        Supervised(partial(NoiseAlways, 3, 2), keep, training=QUICK, validation=held_out),
        Ensemble(partial(NoiseAlways, 3, 2), lambda networks, _: networks, 3, training=QUICK, validation=held_out),
    ):
        learner(table(), seed())
        assert torch.equal(torch.get_rng_state(), before)


def test_validation_points_must_look_like_the_pools() -> None:
    other = torch.zeros(5, 4), torch.zeros(5)
    with pytest.raises(ValueError, match=r"validation points have the shape \(4,\), but the pool's points have \(3,\)"):
        Supervised(partial(MLP, 3, 2), keep, training=QUICK, validation=other)(table(), seed())


def test_an_ensemble_needs_a_new_network_at_each_call() -> None:
    network = MLP(3, 2)
    with pytest.raises(ValueError, match="must make a new network at each call"):
        Ensemble(lambda: network, DeepEnsemble, training=QUICK)(table(), seed())


def test_labels_may_be_changed_between_rounds() -> None:
    pool = table()
    learner = Supervised(partial(MLP, 3, 2), keep, training=QUICK)
    changed = pool.with_labels({0: 1 - pool.labels[0]})
    assert not equal(weights(learner(pool, seed())), weights(learner(changed, seed())))


class Mixed(MLP):
    def __init__(self) -> None:
        super().__init__(3, 2)
        self.more = nn.ParameterList([torch.ones(2, dtype=torch.float64)])


def frozen() -> nn.Module:
    return MLP(3, 2).requires_grad_(False)


@pytest.mark.parametrize(
    ("pool", "network", "sentence"),
    [
        (labelled, frozen, "the weights to train must be of one number type on one device, but MLP has none"),
        (labelled, Mixed, "Mixed has torch.float32 on cpu and torch.float64 on cpu"),
        (labelled, lambda: nn.LazyLinear(2), "the network has lazy layers"),
        (unlabelled, partial(MLP, 3, 2), "nothing in the pool is labelled yet"),
        (partial(labelled, 7), partial(MLP, 3, 2), "2 outputs stand for, but there is the label 7"),
        (partial(labelled, value=float("nan")), partial(MLP, 3, 2), "4 of 4 points hold NaN or infinite inputs"),
        (labelled, partial(MLP, 5, 2), "the network (MLP) fails on points of shape (3,): this MLP takes 5 numbers"),
        (labelled, partial(nn.Flatten, 0), "has no parameters"),
        (labelled, flat, "must return outputs N C, but for 2 points it gave shape (4,)"),
        (named, partial(MLP, 3, 2), "take points that are one tensor, but these are a dict"),
    ],
)
def test_what_cannot_be_learned_gets_a_sentence(
    pool: Callable[[], Pool], network: Callable[[], nn.Module], sentence: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        Supervised(network, keep, CrossEntropy(), QUICK)(pool(), seed())
