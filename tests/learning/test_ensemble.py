"""Ensembles: members that differ, in seeds and in fate."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import count

import pytest
import torch
from torch import Generator, nn

from bayesal.data import Pool
from bayesal.learning import Ensemble, Supervised, Training
from bayesal.likelihoods import Likelihood
from bayesal.networks import MLP, SmallCNN

QUICK = Training(batch_size=16, epoch_size=64, max_epochs=3, patience=None)


def keep(networks: Sequence[nn.Module], likelihood: Likelihood) -> list[nn.Module]:
    return list(networks)


def keep_one(network: nn.Module, likelihood: Likelihood) -> nn.Module:
    return network


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def table(shape: tuple[int, ...] = (3,)) -> Pool:
    points = torch.randn(40, *shape, generator=seed())
    return Pool.of(points, labels={i: int(points[i].sum() > 0) for i in range(0, 40, 2)})


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(("network", "shape"), [(partial(MLP, 3, 2), (3,)), (SmallCNN, (1, 8, 8))])
def test_members_differ_and_a_seed_is_an_ensemble(network: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
    learner = Ensemble(network, keep, 3, training=QUICK)
    first, again = learner(table(shape), seed()), learner(table(shape), seed())
    assert len(first) == 3
    assert all(same(one, other) for one, other in zip(first, again, strict=True))
    assert not any(same(first[i], first[j]) for i, j in [(0, 1), (0, 2), (1, 2)])
    assert not same(first[0], learner(table(shape), seed(1))[0])


def test_the_first_member_is_what_supervised_learns_alone() -> None:
    alone = Supervised(partial(MLP, 3, 2), keep_one, training=QUICK)(table(), seed())
    assert same(Ensemble(partial(MLP, 3, 2), keep, 4, training=QUICK)(table(), seed())[0], alone)


def test_together_or_not_is_the_same_ensemble() -> None:
    learner = Ensemble(partial(MLP, 3, 2), keep, 4, training=replace(QUICK, patience=1, max_epochs=20))
    apart = replace(learner, together=False)
    pairs = zip(learner(table(), seed()), apart(table(), seed()), strict=True)
    assert all(same(one, other) for one, other in pairs)


def sick(*which: int) -> Callable[[], nn.Module]:
    """Makes networks of which some start with weights that are not finite."""
    made = count()

    def make() -> nn.Module:
        network = MLP(3, 2)
        if next(made) in which:
            nn.init.constant_(network.head.weight, float("nan"))
        return network

    return make


@pytest.mark.parametrize("together", [True, False])
def test_a_member_that_diverged_is_left_out_with_a_warning(together: bool) -> None:
    learner = Ensemble(sick(1), keep, 4, training=QUICK, together=together)
    with pytest.warns(RuntimeWarning, match="the training of 1 of 4 members diverged; the ensemble has the other 3"):
        members = learner(table(), seed())
    assert len(members) == 3
    assert all(parameter.isfinite().all() for member in members for parameter in member.parameters())


def test_fewer_than_two_sound_members_are_no_ensemble() -> None:
    with pytest.raises(ValueError, match="the training of 2 of 3 members diverged, and an ensemble needs 2"):
        Ensemble(sick(0, 2), keep, 3, training=QUICK)(table(), seed())
    with pytest.raises(ValueError, match="the training diverged"):
        Ensemble(sick(0, 1), keep, 2, training=QUICK)(table(), seed())
    with pytest.raises(ValueError, match="at least 2 members"):
        Ensemble(partial(MLP, 3, 2), keep, 1)
