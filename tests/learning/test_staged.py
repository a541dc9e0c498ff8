"""Learners in two stages and learners without a network: what they hand to the fit."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import Generator, nn

from bayesal.data import Pool
from bayesal.learning import CrossEntropy, Fitted, SquaredLoss, Staged, Supervised, Training
from bayesal.networks import MLP, Standardise

QUICK = Training(batch_size=16, epoch_size=64, max_epochs=2, patience=None)


def noted(*args: object, **settings: object) -> SimpleNamespace:
    return SimpleNamespace(args=args, **settings)


def table() -> Pool:
    points = torch.randn(40, 3, generator=Generator().manual_seed(0)) * 5 + 100
    return Pool.of(points, labels={i: int(points[i, 0] > 100) for i in range(0, 40, 2)})


def test_the_second_stage_gets_the_network_that_supervised_learning_gives() -> None:
    pool, make = table(), partial(MLP, 3, 2, hidden=(8,))
    got = Staged(make, noted, training=QUICK)(pool, Generator().manual_seed(1))
    network, inputs, targets = got.args
    alone = Supervised(make, lambda network, _: network, training=QUICK)(pool, Generator().manual_seed(1))
    assert torch.equal(network(inputs), alone(inputs))
    assert not network.training
    assert torch.equal(inputs, pool.gather(pool.labelled))
    assert targets.tolist() == list(pool.labels.values())
    assert isinstance(got.loss, CrossEntropy)
    assert isinstance(got.generator, Generator)


def test_amounts_come_with_a_loss_on_their_scale() -> None:
    points = torch.randn(30, 3, generator=Generator().manual_seed(0))
    pool = Pool.of(points, labels={i: float(points[i, 0]) * 10 + 50 for i in range(20)})
    learner = Staged(partial(MLP, 3, 1), noted, loss=SquaredLoss(), training=QUICK)
    got = learner(pool, Generator().manual_seed(1))
    labels = torch.tensor(list(pool.labels.values()), dtype=torch.float64)
    torch.testing.assert_close(got.args[2].double(), labels, rtol=1e-5, atol=1e-3)
    assert got.loss.shift == pytest.approx(float(labels.mean()), rel=1e-5)
    assert got.loss.scale == pytest.approx(float(labels.std(correction=0)), rel=1e-5)
    assert "SquaredLoss" in repr(learner)


def test_a_fit_without_a_network_gets_the_scale_of_the_pool() -> None:
    pool = table()
    got = Fitted(noted)(pool, Generator().manual_seed(1))
    inputs, labels = got.args
    assert torch.equal(inputs, pool.gather(pool.labelled))
    assert labels.tolist() == list(pool.labels.values())
    assert isinstance(got.scale, Standardise)
    scaled = got.scale(pool.gather(pool.ids))
    assert scaled.dtype == torch.float64
    torch.testing.assert_close(scaled.mean(0), torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-6)
    assert isinstance(Fitted(noted, standardise=False)(pool, Generator()).scale, nn.Identity)


@pytest.mark.parametrize("learner", [Fitted(noted), Staged(partial(MLP, 3, 2), noted)])
def test_nothing_labelled_and_broken_inputs_are_refused(learner: Fitted | Staged) -> None:
    with pytest.raises(ValueError, match="nothing in the pool is labelled yet"):
        learner(Pool.of(torch.zeros(4, 3)), Generator())
    points = torch.zeros(4, 3)
    points[1] = torch.nan
    with pytest.raises(ValueError, match="1 of 4 points hold NaN"):
        learner(Pool.of(points, labels={0: 0, 1: 1}), Generator())
