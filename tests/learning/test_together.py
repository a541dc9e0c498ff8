"""Networks trained together come out as if each were trained alone: to the last bit, or they are trained alone."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from bayesal.learning import CrossEntropy, Examples, Fit, GaussianLoss, Loss, Streams, Training, minimise
from bayesal.learning.streams import seeded
from bayesal.learning.together import stackable
from bayesal.networks import MLP, SmallCNN
from tests.learning.climbers import ONE_POINT, Climb, slope, steps

Make = Callable[[], nn.Module]


def blobs(n: int, shape: tuple[int, ...] = (64,)) -> Examples:
    classes = torch.arange(n) % 10
    points = torch.randn(n, *shape, generator=Generator().manual_seed(9))
    return Examples(points + classes.view(-1, *[1] * len(shape)) / 3, classes)


def trained(
    make: Make,
    *,
    together: bool | None,
    training: Training,
    examples: Examples | None = None,
    validation: Examples | None = None,
    loss: Loss | None = None,
    members: int = 4,
) -> tuple[list[nn.Module], list[Fit]]:
    generator = Generator().manual_seed(0)
    streams = [Streams.of(generator) for _ in range(members)]
    networks = []
    for stream in streams:
        with seeded(stream.initialisation):
            networks.append(make())
    fits = minimise(
        networks,
        loss or CrossEntropy(),
        examples or blobs(100),
        streams=streams,
        training=training,
        validation=validation,
        together=together,
    )
    return networks, fits


def assert_same(one: tuple[list[nn.Module], list[Fit]], other: tuple[list[nn.Module], list[Fit]]) -> None:
    for a, b in zip(one[0], other[0], strict=True):
        for (name, mine), theirs in zip(a.state_dict().items(), b.state_dict().values(), strict=True):
            assert torch.equal(mine, theirs), name
    for a, b in zip(one[1], other[1], strict=True):
        assert replace(a, together=False) == replace(b, together=False)


SHORT = Training(batch_size=32, epoch_size=100, max_epochs=5, patience=None)
CASES: dict[str, tuple[Make, Training]] = {
    "plain": (lambda: MLP(64, 10, dropout=0.0), SHORT),
    "dropout": (lambda: MLP(64, 10, dropout=0.3), SHORT),
    "no hidden layer": (lambda: MLP(64, 10, hidden=()), SHORT),
    "without biases": (
        lambda: nn.Sequential(nn.Linear(64, 20, bias=False), nn.Tanh(), nn.Linear(20, 10, bias=False)),
        SHORT,
    ),
    "clipped": (lambda: MLP(64, 10), replace(SHORT, clip_norm=0.3)),
    "momentum": (
        lambda: MLP(64, 10),
        replace(SHORT, optimiser=lambda p, **k: torch.optim.SGD(p, momentum=0.9, **k), learning_rate=0.01),
    ),
    "adam": (lambda: MLP(64, 10), replace(SHORT, optimiser=torch.optim.Adam)),
    "double": (lambda: MLP(64, 10).double(), SHORT),
}


@pytest.mark.parametrize("name", CASES)
def test_together_is_alone(name: str) -> None:
    """By force up to rounding, whatever the processor; by default to the last bit."""
    make, training = CASES[name]
    examples = blobs(100)
    examples = Examples(examples.inputs.to(next(make().parameters()).dtype), examples.targets)
    alone = trained(make, together=False, training=training, examples=examples)
    assert_same(trained(make, together=None, training=training, examples=examples), alone)
    forced = trained(make, together=True, training=training, examples=examples)
    assert all(fit.together for fit in forced[1])
    for one, other in zip(forced[0], alone[0], strict=True):
        for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)


def test_where_no_rounding_happens_the_default_is_together() -> None:
    def whole_numbers() -> nn.Module:
        network = nn.Linear(3, 2)
        for parameter in network.parameters():
            nn.init.constant_(parameter, float(torch.randint(-3, 4, ())))
        return network

    examples = Examples(torch.arange(12.0).view(4, 3), torch.zeros(4))
    training = replace(steps(0.25), epoch_size=8, batch_size=4)
    default = trained(whole_numbers, together=None, training=training, examples=examples, loss=Climb())
    assert all(fit.together for fit in default[1])
    assert_same(default, trained(whole_numbers, together=False, training=training, examples=examples, loss=Climb()))


@pytest.mark.parametrize("members", [2, 3, 10])
@pytest.mark.parametrize("size", [1, 7, 64, 90])
def test_by_default_the_result_is_that_of_training_alone(size: int, members: int) -> None:
    """Whatever kernels the processor's library chooses for these shapes: where they differ, the loop is taken."""
    training = replace(SHORT, batch_size=size, epoch_size=3 * size // 2 + 5, max_epochs=2)
    make = lambda: MLP(64, 10, hidden=(50,))  # noqa: E731
    held_out = blobs(33)
    default = trained(make, together=None, training=training, members=members, validation=held_out)
    assert_same(default, trained(make, together=False, training=training, members=members, validation=held_out))


def test_a_member_does_not_depend_on_the_size_of_the_ensemble() -> None:
    make, training = CASES["dropout"]
    many = trained(make, together=None, training=training, members=6)
    few = trained(make, together=None, training=training, members=2)
    assert_same((many[0][:2], many[1][:2]), few)


def test_each_member_stops_by_itself_and_restores_its_own_best() -> None:
    networks: list[nn.Module] = [slope(0.0), slope(-0.4), slope(0.2)]
    target = Examples(torch.ones(3, 1), torch.full((3,), 0.33))
    fits = minimise(
        networks,
        Climb(),
        ONE_POINT,
        streams=[Streams(0, 0, 0)] * 3,
        training=steps(0.1),
        validation=target,
        together=True,
    )
    assert [network.weight.item() for network in networks] == pytest.approx([0.3, 0.3, 0.3])  # pyright: ignore
    assert [fit.best_epoch for fit in fits] == [2, 6, 0]
    assert [len(fit.watched) for fit in fits] == [6, 10, 4]


def test_members_that_stop_early_change_nothing_for_the_others() -> None:
    training = Training(batch_size=16, epoch_size=48, max_epochs=40, patience=2, learning_rate=3e-3)
    noise = torch.randn(200, 64, generator=Generator().manual_seed(1))
    held_out = Examples(blobs(200).inputs + 3 * noise, blobs(200).targets)
    make = CASES["dropout"][0]
    together = trained(make, together=None, training=training, validation=held_out, members=6)
    assert len({len(fit.losses) for fit in together[1]}) > 2
    assert_same(together, trained(make, together=False, training=training, validation=held_out, members=6))


def test_regression_members_are_trained_together_too() -> None:
    table = Examples(blobs(80, (5,)).inputs, torch.linspace(-30, 30, 80))
    make = lambda: MLP(5, 2, hidden=(50,))  # noqa: E731
    loss = GaussianLoss().fit(table.targets)
    default = trained(make, together=None, training=SHORT, examples=table, loss=loss)
    assert_same(default, trained(make, together=False, training=SHORT, examples=table, loss=loss))


class Scaled(nn.Module):
    """Has a weight that is no linear layer's."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.scale = nn.Linear(64, 10), nn.Parameter(torch.ones(10))

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) * self.scale


class CouplesRows(MLP):
    """Breaks the contract: a point's output depends on its batch-mates."""

    def forward(self, points: Tensor) -> Tensor:
        return super().forward(points - points.mean(dim=0))


class NoiseOfItsOwn(MLP):
    def forward(self, points: Tensor) -> Tensor:
        return super().forward(points + 0.1 * torch.randn_like(points) if self.training else points)


class CountsRows(MLP):
    """Takes batches of 20 and of 40 only."""

    def forward(self, points: Tensor) -> Tensor:
        return super().forward(points.reshape(20 if len(points) == 20 else 40, 64))


@pytest.mark.parametrize(
    "make",
    [
        lambda: SmallCNN(10),
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.BatchNorm1d(20), nn.Linear(20, 10)),
        Scaled,
        lambda: CouplesRows(64, 10),
        lambda: NoiseOfItsOwn(64, 10),
        lambda: CountsRows(64, 10),
    ],
    ids=["convolutions", "normalisation", "a weight of its own", "couples rows", "noise of its own", "counts rows"],
)
def test_what_cannot_be_trained_together_to_the_last_bit_is_trained_alone(make: Make) -> None:
    training = replace(SHORT, batch_size=20, max_epochs=2)
    examples = blobs(100, (1, 8, 8) if "Conv" in repr(make()) else (64,))
    default = trained(make, together=None, training=training, examples=examples)
    assert not any(fit.together for fit in default[1])
    assert_same(default, trained(make, together=False, training=training, examples=examples))


def test_networks_of_different_layers_cannot_be_stacked() -> None:
    assert stackable([MLP(4, 2), MLP(4, 2)])
    assert not stackable([MLP(4, 2), MLP(4, 2, dropout=0.2)])
    assert not stackable([MLP(4, 2), MLP(4, 2, hidden=(128, 64))])
    frozen = MLP(4, 2)
    frozen.head.bias.requires_grad_(False)
    assert not stackable([frozen, MLP(4, 2)])


def test_together_by_force_says_what_it_cannot_do() -> None:
    with pytest.raises(ValueError, match=r"cannot be trained together: .* leave together=None"):
        trained(SmallCNN, together=True, training=SHORT, examples=blobs(20, (1, 8, 8)))


def test_nothing_global_is_left_changed() -> None:
    before = torch.get_rng_state()
    networks, _ = trained(CASES["dropout"][0], together=None, training=SHORT)
    assert torch.equal(torch.get_rng_state(), before)
    for network in networks:
        assert network.head.weight.shape == (10, 128)  # pyright: ignore
        assert network.training
        assert F.linear(torch.zeros(1, 128), network.head.weight).shape == (1, 10)  # pyright: ignore


def test_one_that_diverges_does_not_stop_the_others() -> None:
    networks = [MLP(64, 10) for _ in range(3)]
    with torch.no_grad():
        networks[1].head.weight.fill_(float("inf"))
    streams = [Streams(0, m, m) for m in range(3)]
    for together in (True, False):
        fits = minimise(networks, CrossEntropy(), blobs(50), streams=streams, training=SHORT, together=together)
        assert [fit.diverged for fit in fits] == [False, True, False]
        assert [len(fit.losses) for fit in fits] == [5, 1, 5]
