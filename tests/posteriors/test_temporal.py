"""A network at two moments: what it is now is the belief, what it was is only compared."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal import Pool, methods
from bayesal.learning import BinaryCrossEntropy, GaussianLoss, Streams, Temporal, Training
from bayesal.learning.losses import Loss
from bayesal.likelihoods import Likelihood, categorical, dense_categorical, gaussian
from bayesal.networks import MLP, SmallCNN
from bayesal.posteriors import MCDropout, TemporalNetwork
from bayesal.strategies import Drift
from bayesal.testing import check_posterior
from bayesal.views import Discrepancy

QUICK = Training(learning_rate=1e-2, batch_size=8, epoch_size=32, max_epochs=2, patience=None, progress=False)


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def networks(count: int = 2) -> list[nn.Module]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return [
            nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 2))
            for _ in range(count)
        ]


def pair(likelihood: Likelihood = categorical, *, first_cycle: bool = False) -> TemporalNetwork:
    now, earlier = networks()
    return TemporalNetwork(now, earlier.state_dict(), likelihood, first_cycle=first_cycle)


def points(n: int = 12) -> Tensor:
    return torch.randn(n, 3, generator=seed())


def pool(known: int = 12, n: int = 40) -> Pool:
    inputs = torch.randn(n, 3, generator=seed())
    order = torch.randperm(n, generator=seed(1)).tolist()[:known]
    return Pool.of(inputs, labels={i: int(inputs[i].sum() > 0) for i in order}, progress=False)


def test_the_belief_is_the_network_as_it_is_now() -> None:
    now, earlier = (network.eval() for network in networks())
    belief = TemporalNetwork(now, earlier.state_dict())
    with torch.no_grad():
        expected = torch.stack([earlier(points()), now(points())], 1)
    torch.testing.assert_close(belief.moment_outputs(points()), expected)
    torch.testing.assert_close(belief.moments(points()).probs, expected.softmax(-1))  # pyright: ignore
    drawn = belief.draw(5, generator=seed())(points())
    torch.testing.assert_close(drawn.probs, expected[:, 1:].softmax(-1))  # pyright: ignore
    torch.testing.assert_close(belief.forward(belief.state, points()), expected[:, 1])
    assert belief.embed(points()).shape == (12, 6)
    assert belief.trainable == {"0.weight", "0.bias", "1.weight", "1.bias", "4.weight", "4.bias"}
    check_posterior(belief, points())
    check_posterior(pair(gaussian), points())


def test_both_states_are_copied() -> None:
    now, earlier = networks()
    belief = TemporalNetwork(now, earlier.state_dict())
    before = belief.moment_outputs(points())
    for network in (now, earlier):
        nn.init.zeros_(network[4].weight)  # pyright: ignore
    assert torch.equal(belief.moment_outputs(points()), before)


def test_another_number_of_classes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'head.weight' of the shape \(2, 128\), but the network has \(3, 128\)"):
        TemporalNetwork(MLP(3, 3), MLP(3, 2).state_dict())
    with pytest.raises(ValueError, match="the network has no such"):
        TemporalNetwork(MLP(3, 3), {"tail": torch.zeros(1)})
    with pytest.raises(ValueError, match="at least one hypothesis"):
        pair().draw(0, generator=seed())


def test_the_points_that_moved_most_are_asked_for() -> None:
    belief, some = pair(), pool()
    with torch.no_grad():
        before, now = belief.moment_outputs(some.gather(some.unlabelled)).softmax(-1).unbind(1)
    moved = (now - before).square().sum(1) / 2
    chosen = methods.tod()(belief, some, 5, generator=seed())
    expected = moved.argsort(descending=True)[:5]
    assert chosen.positions.tolist() == expected.tolist()
    torch.testing.assert_close(chosen.scores, moved[expected])
    assert chosen.notes == ()
    assert methods.tod(kind="norm")(belief, some, 5, generator=seed()).ids == chosen.ids
    assert methods.tod(kind="logits")(belief, some, 28, generator=seed()).ids != chosen.ids


def test_the_first_cycle_is_random_or_as_the_authors_have_it() -> None:
    belief, some = pair(first_cycle=True), pool()
    drawn = methods.tod()(belief, some, 5, generator=seed())
    assert drawn.ids == methods.random()(belief, some, 5, generator=seed()).ids
    assert drawn.notes == ("there is no earlier cycle to compare with yet, so the points were drawn at random",)
    lowest = methods.tod("lowest_vs_init")(belief, some, 28, generator=seed())
    assert lowest.ids == methods.tod()(pair(), some, 28, generator=seed()).ids[::-1]
    assert "moved least since before any training" in lowest.notes[0]
    with pytest.raises(ValueError, match="first_cycle must be random or lowest_vs_init, but it is 'highest'"):
        methods.tod("highest")
    with pytest.raises(ValueError, match="kind must be one of half_square, norm, logits"):
        methods.tod(kind="cosine")


def test_where_nothing_moved_the_points_are_random() -> None:
    network = networks(1)[0]
    belief = TemporalNetwork(network, network.state_dict())
    assert belief.moments(points()).batch_shape == (12, 2)
    chosen = methods.tod()(belief, pool(), 5, generator=seed(3))
    assert chosen.ids == methods.random()(belief, pool(), 5, generator=seed(3)).ids
    assert "no prediction moved since the earlier moment" in chosen.notes[0]
    nothing = methods.tod()(belief, pool(40), 0, generator=seed())
    assert len(nothing) == 0


def test_a_belief_without_a_past_and_logits_of_amounts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"a MCDropout does not know what it said .* --posterior tod"):
        methods.tod()(MCDropout(MLP(3, 2)), pool(), 5, generator=seed())
    with pytest.raises(ValueError, match="amounts have no logits"):
        methods.tod(kind="logits")(pair(gaussian), pool(), 5, generator=seed())
    assert len(methods.tod()(pair(gaussian), pool(), 5, generator=seed())) == 5
    assert repr(methods.tod()) == repr(Drift(Discrepancy()))


def keep(network: nn.Module, earlier: dict[str, Tensor], likelihood: Likelihood, *, first_cycle: bool):
    return network, earlier, first_cycle


def learner(**settings: Any) -> Temporal:
    return replace(Temporal(partial(MLP, 3, 2), keep, 8, 4, training=QUICK), **settings)


def test_the_cycles_of_labels() -> None:
    def cycles(num_labels: int, replayed: int = 1) -> list[int]:
        return Temporal(partial(MLP, 3, 2), keep, initial=20, batch_size=10, replayed=replayed).cycles(num_labels)

    assert [cycles(n) for n in (15, 20, 23, 30, 37, 50)] == [[15], [20], [20, 23], [20, 30], [27, 37], [40, 50]]
    assert cycles(50, replayed=2) == [30, 40, 50]
    assert cycles(50, replayed=9) == [20, 30, 40, 50]


def test_a_call_is_a_pure_function_and_leaves_the_pool_and_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    (one, was, _), (other, was_too, _) = (learner()(pool(), seed()) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    for first, second in ((one.state_dict(), other.state_dict()), (was, was_too)):
        assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(one.state_dict()["network.head.weight"], was["network.head.weight"])


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_the_earlier_moment_is_that_of_the_labels_known_a_batch_ago(weight: float) -> None:
    """With the same points unlabelled, the earlier cycle cannot know of the last labels."""
    whole = pool(12)
    flipped = whole.with_labels({i: 1 - whole.labels[i] for i in list(whole.labels)[8:]})
    (now, was, first), (then, was_too, _) = (learner(weight=weight)(p, seed()) for p in (whole, flipped))
    assert not first
    assert all(torch.equal(was[name], was_too[name]) for name in was)
    assert not torch.equal(now.state_dict()["network.head.weight"], then.state_dict()["network.head.weight"])


def test_before_the_first_cycle_there_is_no_training() -> None:
    network, was, first = learner(weight=0.0)(pool(8), seed())
    assert first
    with torch.random.fork_rng():
        torch.manual_seed(Streams.of(seed()).initialisation)
        fresh = MLP(3, 2).state_dict()
    assert all(torch.equal(was["network." + name], fresh[name]) for name in fresh)
    assert not torch.equal(network.state_dict()["network.head.weight"], was["network.head.weight"])


def test_unlabelled_points_are_learned_from_only_with_a_weight() -> None:
    some = pool(12)
    inputs = some.gather(some.ids).clone()
    inputs[some.positions(some.unlabelled)] *= 3
    other = Pool.of(inputs, labels=some.labels, progress=False)
    for weight, same in ((0.0, True), (0.5, False)):
        nets = [learner(weight=weight, standardise=False)(p, seed())[0].state_dict() for p in (some, other)]
        assert torch.equal(nets[0]["head.weight"], nets[1]["head.weight"]) == same


def test_a_strong_loss_holds_predictions_together_over_time() -> None:
    def spread(weight: float) -> float:
        training = Training(learning_rate=1e-2, batch_size=16, epoch_size=64, max_epochs=15, patience=None)
        belief = learner(weight=weight, wrap=TemporalNetwork, training=training)(pool(), seed())
        return float(belief.forward(belief.state, points(40)).std())

    assert spread(20.0) < spread(0.0)


@pytest.mark.parametrize(
    ("loss", "label"), [(GaussianLoss(), 1e4), (BinaryCrossEntropy(), [0, 1])], ids=["amounts", "labels"]
)
def test_other_tasks_and_a_pool_without_unlabelled_points(loss: Loss, label: object) -> None:
    everything = Pool.of(points(), labels=dict.fromkeys(range(12), label), progress=False)
    belief = learner(loss=loss, wrap=TemporalNetwork)(everything, seed())
    assert belief.moments(points()).batch_shape[:2] == (12, 2)


def test_images_whose_network_has_dropout_and_validation_points() -> None:
    images = torch.rand(20, 1, 8, 8, generator=seed())
    some = Pool.of(images, labels={i: i % 2 for i in range(12)}, progress=False)
    validation = images[12:16], torch.tensor([0, 1, 0, 1])
    belief = Temporal(partial(SmallCNN, 2), TemporalNetwork, 8, 4, training=QUICK, validation=validation)(some, seed())
    check_posterior(belief, images[:8])


class Scaled(nn.Sequential):
    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) * 2


def test_settings_and_networks_that_will_not_do_are_refused() -> None:
    with pytest.raises(ValueError, match="must be at least 1, but they are 8, 4 and 0"):
        learner(replayed=0)
    with pytest.raises(ValueError, match="must not be negative, but it is -1"):
        learner(weight=-1.0)
    with pytest.raises(ValueError, match=r"ends in a linear layer or a convolution, .* \(Scaled\) .* or weight=0"):
        Temporal(lambda: Scaled(nn.Linear(3, 2)), keep, 8, 4, training=QUICK)(pool(), seed())
    Temporal(lambda: Scaled(nn.Linear(3, 2)), keep, 8, 4, weight=0.0, training=QUICK)(pool(), seed())
    assert "validation=None" in repr(learner())


def test_maps_too() -> None:
    network = nn.Conv2d(1, 3, 3, padding=1)
    belief = TemporalNetwork(network, nn.Conv2d(1, 3, 3, padding=1).state_dict(), dense_categorical)
    images = Pool.of(torch.rand(9, 1, 4, 5, generator=seed()), progress=False)
    for kind in ("half_square", "norm", "logits"):
        assert methods.tod(kind=kind)(belief, images, 9, generator=seed()).scores.shape == (9,)
