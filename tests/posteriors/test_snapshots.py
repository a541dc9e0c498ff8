"""Snapshots: states of one network, each once; and the learner whose learning rate comes in cycles."""

import math
from functools import partial

import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal.data import Pool
from bayesal.learning import CosineCycles, Cyclical, GaussianLoss, Supervised, Training
from bayesal.likelihoods import Likelihood
from bayesal.networks import MLP
from bayesal.posteriors import DeepEnsemble, Snapshots
from bayesal.testing import check_posterior

QUICK = Training(learning_rate=1e-2, batch_size=16, epoch_size=32)


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def networks(count: int = 4, dtype: torch.dtype = torch.float32) -> list[nn.Module]:
    return [
        nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2)).to(dtype) for _ in range(count)
    ]


def table(n: int = 40) -> Pool:
    points = torch.randn(n, 3, generator=seed())
    return Pool.of(points, labels={i: int(points[i].sum() > 0) for i in range(0, n, 2)})


def keep(network: nn.Module, states: list[dict[str, Tensor]], likelihood: Likelihood) -> list[dict[str, Tensor]]:
    return states


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_is_the_ensemble_of_its_states_and_keeps_the_laws(dtype: torch.dtype) -> None:
    members, points = networks(4, dtype), torch.randn(9, 3, generator=seed(), dtype=dtype)
    belief = Snapshots(members[2], [member.state_dict() for member in members])
    expected = DeepEnsemble(members).draw(9, generator=seed())(points).logits
    torch.testing.assert_close(belief.draw(9, generator=seed())(points).logits, expected)
    assert belief.draw(2, generator=seed())(points).batch_shape == (9, 2)
    assert belief.draw(1, generator=seed())(points[:0]).batch_shape == (0, 1)
    findings = check_posterior(belief, points, num_hypotheses=4)
    assert not [f.sentence for f in findings if f.warning and f.law not in ("another seed",)]
    assert belief.state["0.weight"].shape == (4, 6, 3)


def test_states_may_leave_out_what_never_changed_and_are_copied() -> None:
    network = MLP(3, 2)
    states = [{"head.bias": torch.tensor([0.0, float(s)])} for s in range(3)]
    belief, points = Snapshots(network, states), torch.randn(5, 3, generator=seed())
    before = belief.draw(3, generator=seed())(points).logits
    states[0]["head.bias"].fill_(9.0)
    nn.init.zeros_(network.head.weight)
    assert torch.equal(belief.draw(3, generator=seed())(points).logits, before)


def test_what_is_no_set_of_snapshots_is_refused() -> None:
    network = MLP(3, 2)
    one, other = network.state_dict(), MLP(3, 2).state_dict()
    with pytest.raises(ValueError, match="at least two snapshots are needed to disagree, but there are 1"):
        Snapshots(network, [one])
    with pytest.raises(ValueError, match="snapshots 0 and 2 are the same"):
        Snapshots(network, [one, other, one])
    with pytest.raises(
        ValueError, match=r"snapshot 1 has 'head.bias' of the shape \(3,\), but the network has the shape"
    ):
        Snapshots(network, [one, one | {"head.bias": torch.zeros(3)}])
    with pytest.raises(ValueError, match=r"snapshots 0 and 1 differ in their names: only one of them has 'head.bias'"):
        Snapshots(network, [one, {name: value for name, value in other.items() if name != "head.bias"}])
    with pytest.raises(ValueError, match=r"snapshot 0 has 'tail' .* but the network has no such name"):
        Snapshots(network, [{"tail": torch.zeros(2)}] * 2)
    with pytest.raises(ValueError, match="at least one hypothesis"):
        Snapshots(network, [one, other]).draw(0, generator=seed())


def test_the_schedule_is_a_cosine_that_starts_anew_in_every_cycle() -> None:
    schedule = CosineCycles(4)
    assert schedule(0.0) == schedule(0.25) == schedule(0.5) == 1.0
    assert math.isclose(schedule(0.125), 0.5)
    assert schedule(0.25 - 1e-9) < 1e-9
    assert schedule(0.05) > schedule(0.1) > schedule(0.2)


@pytest.mark.parametrize("standardise", [True, False])
def test_the_learner_keeps_the_ends_of_its_cycles_and_the_last_is_the_end_of_the_training(standardise: bool) -> None:
    learner = Cyclical(partial(MLP, 3, 2), keep, 3, 2, training=QUICK, standardise=standardise)
    states = learner(table(), seed())
    plain = Training(
        learning_rate=1e-2, batch_size=16, epoch_size=32, max_epochs=6, patience=None, schedule=CosineCycles(3)
    )
    whole: list[dict[str, Tensor]] = []

    def keep_one(network: nn.Module, likelihood: Likelihood) -> nn.Module:
        return network

    Supervised(partial(MLP, 3, 2), keep_one, training=plain, standardise=standardise)(table(), seed())
    assert len(states) == 3
    assert ("standardise.mean" in states[0]) is False
    whole += learner(table(), seed())
    assert all(torch.equal(a[name], b[name]) for a, b in zip(states, whole, strict=True) for name in a)
    assert not torch.equal(*[s[next(n for n in s if n.endswith("head.weight"))] for s in states[:2]])


@pytest.mark.parametrize("make", [partial(MLP, 3, 2), lambda: networks(1)[0]])
def test_a_learned_belief_keeps_the_laws(make: partial[nn.Module]) -> None:
    belief = Cyclical(make, Snapshots, 3, 1, training=QUICK)(table(), seed())
    check_posterior(belief, torch.randn(8, 3, generator=seed()), num_hypotheses=3)


@pytest.mark.parametrize("labels", [{0: 1.0}, {0: 2.0, 1: 2.0, 2: 2.0}])
def test_tiny_sets_of_amounts_are_learned(labels: dict[int, float]) -> None:
    pool = Pool.of(torch.randn(9, 3, generator=seed()), labels=labels)
    belief = Cyclical(partial(MLP, 3, 2), Snapshots, 2, 1, loss=GaussianLoss(), training=QUICK)(pool, seed())
    assert belief.draw(2, generator=seed())(torch.zeros(4, 3)).mean.isfinite().all()


def test_fewer_than_two_cycles_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 cycles to disagree, but num_cycles is 1"):
        Cyclical(partial(MLP, 3, 2), Snapshots, 1)
    with pytest.raises(ValueError, match="at least 1 epoch, but cycle_epochs is 0"):
        Cyclical(partial(MLP, 3, 2), Snapshots, 2, 0)
    with pytest.raises(ValueError, match="the training diverged"):
        Cyclical(partial(MLP, 3, 2), Snapshots, 2, 1, training=Training(learning_rate=1e30))(table(), seed())
