"""The training loop against loops written out, and its promises about seeds, stopping and what it leaves alone."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from bayesal.learning import CrossEntropy, Examples, Fit, Loss, Streams, Training, minimise
from bayesal.learning.streams import seeded
from bayesal.networks import MLP, MnistCNN, SmallCNN
from tests.learning.climbers import ONE_POINT, Climb, Squares, slope, steps


def built(make: Callable[[], nn.Module], seed: int = 0) -> tuple[nn.Module, Streams]:
    streams = Streams.of(Generator().manual_seed(seed))
    with seeded(streams.initialisation):
        return make(), streams


def trained(
    make: Callable[[], nn.Module],
    examples: Examples,
    training: Training,
    seed: int = 0,
    validation: Examples | None = None,
) -> tuple[nn.Module, Fit]:
    network, streams = built(make, seed)
    (fit,) = minimise([network], CrossEntropy(), examples, streams=[streams], training=training, validation=validation)
    return network, fit


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def blobs(n: int = 30, shape: tuple[int, ...] = (6,), dtype: torch.dtype = torch.float32) -> Examples:
    generator = Generator().manual_seed(9)
    classes = torch.arange(n) % 3
    points = torch.randn(n, *shape, generator=generator) + classes.view(-1, *[1] * len(shape))
    return Examples(points.to(dtype), classes)


SHORT = Training(optimiser=torch.optim.AdamW, batch_size=8, epoch_size=21, max_epochs=4, patience=None)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("optimiser", [torch.optim.AdamW, torch.optim.Adam, torch.optim.SGD])
def test_training_is_the_plain_loop_to_the_last_bit(optimiser: type[torch.optim.Optimizer], dropout: float) -> None:
    examples = blobs()
    trained_network, fit = trained(
        lambda: MLP(6, 3, hidden=(16, 16), dropout=dropout), examples, replace(SHORT, optimiser=optimiser)
    )

    network, streams = built(lambda: MLP(6, 3, hidden=(16, 16), dropout=dropout))
    update = optimiser(network.parameters(), lr=1e-3, weight_decay=1e-2)  # type: ignore[call-arg]
    order = Generator().manual_seed(streams.order)
    epochs = []
    with seeded(streams.noise):
        for _ in range(4):
            shuffles = torch.rand(1, 30, generator=order).argsort(dim=1).flatten()[:21]
            total = 0.0
            for batch in (shuffles[:7], shuffles[7:14], shuffles[14:]):
                losses = F.cross_entropy(network(examples.inputs[batch]), examples.targets[batch], reduction="none")
                update.zero_grad()
                losses.mean().backward()
                update.step()
                total += float(losses.detach().sum())
            epochs.append((total / 21, {name: value.clone() for name, value in network.state_dict().items()}))
    best = min(range(4), key=lambda epoch: epochs[epoch][0])
    assert fit.best_epoch == best
    assert fit.losses == pytest.approx([loss for loss, _ in epochs], rel=1e-6)
    for name, value in trained_network.state_dict().items():
        assert torch.equal(value, epochs[best][1][name]), name


@pytest.mark.parametrize("make", [SmallCNN, lambda: SmallCNN(3, dropout=0.0)])
def test_a_convolutional_network_is_trained_as_by_the_plain_loop(make: Callable[[], nn.Module]) -> None:
    examples = blobs(16, (1, 8, 8), torch.float64)
    network, _ = trained(lambda: make().double(), examples, replace(SHORT, epoch_size=16, max_epochs=1))
    plain, streams = built(lambda: make().double())
    update = torch.optim.AdamW(plain.parameters(), lr=1e-3, weight_decay=1e-2)
    shuffled = torch.rand(1, 16, generator=Generator().manual_seed(streams.order)).argsort(dim=1).flatten()
    with seeded(streams.noise):
        for batch in shuffled.split(8):
            update.zero_grad()
            F.cross_entropy(plain(examples.inputs[batch].contiguous()), examples.targets[batch]).backward()
            update.step()
    for one, other in zip(network.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-9)
        assert one.is_contiguous()


def test_the_default_optimiser_is_adamw() -> None:
    ours, _ = trained(lambda: MLP(6, 3), blobs(), replace(SHORT, optimiser=Training().optimiser))
    torchs, _ = trained(lambda: MLP(6, 3), blobs(), SHORT)
    for one, other in zip(ours.parameters(), torchs.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", [lambda: MLP(64, 3), lambda: SmallCNN(3)])
def test_a_seed_is_the_same_weights_whatever_else_draws_numbers(make: Callable[[], nn.Module]) -> None:
    examples = blobs(shape=(1, 8, 8))
    torch.manual_seed(1)
    one, first = trained(make, examples, SHORT)
    torch.manual_seed(2)
    torch.rand(17)
    other, second = trained(make, examples, SHORT)
    assert same(one, other)
    assert first == second
    assert not same(one, trained(make, examples, SHORT, seed=1)[0])


def test_each_stream_has_its_own_say() -> None:
    def weights(**changed: int) -> Tensor:
        network, streams = built(lambda: MLP(6, 3, dropout=0.5))
        minimise([network], CrossEntropy(), blobs(), streams=[replace(streams, **changed)], training=SHORT)
        return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])

    results = [weights(), weights(order=5), weights(noise=5), weights(initialisation=5)]
    assert torch.equal(results[0], results[3])  # the network was already made
    assert not any(torch.equal(results[i], results[j]) for i, j in [(0, 1), (0, 2), (1, 2)])


def test_nothing_global_and_no_flag_is_left_changed() -> None:
    network, streams = built(SmallCNN)
    network[2].eval()
    flags = [module.training for module in network.modules()]
    before = torch.get_rng_state()
    held_out = blobs(9, (1, 8, 8))
    minimise([network], CrossEntropy(), held_out, streams=[streams], training=SHORT, validation=held_out)
    assert torch.equal(torch.get_rng_state(), before)
    assert [module.training for module in network.modules()] == flags
    assert all(parameter.grad is None for parameter in network.parameters())
    storages = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    assert len(storages) == len(list(network.parameters()))  # safetensors refuses tensors that share memory


def test_a_network_handed_over_in_evaluation_mode_is_trained_in_training_mode() -> None:
    one, _ = trained(lambda: MLP(6, 3, dropout=0.5), blobs(), SHORT)
    other, _ = trained(lambda: MLP(6, 3, dropout=0.5).eval(), blobs(), SHORT)
    assert same(one, other)
    assert not other.training


def climb(start: float, training: Training) -> tuple[float, Fit]:
    network = slope(start)
    target = Examples(torch.ones(3, 1), torch.full((3,), 0.33))
    streams = [Streams(0, 0, 0)]
    (fit,) = minimise([network], Climb(), ONE_POINT, streams=streams, training=training, validation=target)
    return network.weight.item(), fit


def test_it_stops_after_patience_epochs_without_a_new_best_and_restores_the_best() -> None:
    weight, fit = climb(0.0, steps(0.1))
    assert weight == pytest.approx(0.3)
    assert fit.watched == pytest.approx([0.23, 0.13, 0.03, 0.07, 0.17, 0.27], abs=1e-6)
    assert fit.losses == pytest.approx([0.0, -0.1, -0.2, -0.3, -0.4, -0.5], abs=1e-6)
    assert fit.best_epoch == 2


def test_without_patience_it_goes_on_to_the_last_epoch_and_still_restores_the_best() -> None:
    weight, fit = climb(0.0, steps(0.1, max_epochs=9, patience=None))
    assert weight == pytest.approx(0.3)
    assert (len(fit.watched), fit.best_epoch) == (9, 2)


def test_the_last_epoch_may_be_the_best() -> None:
    weight, fit = climb(0.0, steps(0.1, max_epochs=2))
    assert weight == pytest.approx(0.2)
    assert (len(fit.watched), fit.best_epoch) == (2, 1)


def test_without_validation_the_training_loss_is_watched() -> None:
    network = slope(0.0)  # each step multiplies the distance from 1 by -1.2: it only gets worse
    streams = [Streams(0, 0, 0)]
    (fit,) = minimise([network], Squares(), ONE_POINT, streams=streams, training=steps(1.1))
    assert fit.losses == fit.watched == pytest.approx([1.44**epoch for epoch in range(4)])
    assert fit.best_epoch == 0
    assert network.weight.item() == pytest.approx(2.2)


def test_buffers_are_those_of_the_best_epoch() -> None:
    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = slope(0.0)
            self.register_buffer("seen", torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            if self.training:
                self.seen += 1  # pyright: ignore
            return self.inner(x)

    network = Counts()
    target = Examples(torch.ones(1, 1), torch.full((1,), 0.33))
    minimise([network], Climb(), ONE_POINT, streams=[Streams(0, 0, 0)], training=steps(0.1), validation=target)
    assert network.inner.weight.item() == pytest.approx(0.3)
    assert network.seen == 3


def test_frozen_weights_stay() -> None:
    network, streams = built(lambda: MLP(6, 3, hidden=(5,)))
    for parameter in network.body.parameters():  # pyright: ignore
        parameter.requires_grad_(False)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    minimise([network], CrossEntropy(), blobs(), streams=[streams], training=SHORT)
    changed = [name for name, value in network.state_dict().items() if not torch.equal(value, before[name])]
    assert changed == ["head.weight", "head.bias"]


def test_tied_weights_stay_tied() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down, self.up = nn.Linear(6, 6, bias=False), nn.Linear(6, 6, bias=False)
            self.up.weight = self.down.weight

        def forward(self, x: Tensor) -> Tensor:
            return self.up(torch.relu(self.down(x)))

    network, _ = trained(Tied, blobs(), SHORT)
    assert network.up.weight is network.down.weight  # pyright: ignore


def test_clipping_bounds_the_step() -> None:
    def moved(clip_norm: float | None) -> float:
        network = slope(0.0)
        training = replace(steps(1.0, max_epochs=1), clip_norm=clip_norm)
        far = Examples(torch.ones(1, 1), torch.full((1,), 100.0))
        minimise([network], Squares(), far, streams=[Streams(0, 0, 0)], training=training)
        return network.weight.item()

    assert moved(None) == pytest.approx(200)
    assert moved(0.5) == pytest.approx(0.5)
    assert moved(1e6) == pytest.approx(200)


def test_the_mnist_network_learns_random_labels_of_a_few_images() -> None:
    generator = Generator().manual_seed(3)
    images = Examples(torch.randn(8, 1, 28, 28, generator=generator), torch.arange(8))
    training = Training(batch_size=8, epoch_size=80, max_epochs=15, patience=None)
    network, fit = trained(MnistCNN, images, training)
    assert fit.losses[-1] < fit.losses[0] / 2
    assert (network.eval()(images.inputs).argmax(1) == images.targets).all()


def test_a_loss_that_is_not_finite_gets_a_sentence() -> None:
    with pytest.raises(
        ValueError, match=r"diverged: a loss of epoch \d+ is not finite; lower the learning rate \(now 1e\+30\)"
    ):
        trained(lambda: MLP(6, 3), blobs(), replace(SHORT, optimiser=torch.optim.SGD, learning_rate=1e30))


def test_a_failure_in_the_middle_leaves_the_network_whole() -> None:
    class Fails(Climb):
        def error(self, outputs: Tensor, targets: Tensor, /) -> Tensor:
            raise KeyboardInterrupt

    network = slope(0.0)
    with pytest.raises(KeyboardInterrupt):
        minimise([network], Fails(), ONE_POINT, streams=[Streams(0, 0, 0)], training=steps(0.1), validation=ONE_POINT)
    assert network.weight.shape == (1, 1)
    assert network.training


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, but it is 0"),
        ({"epoch_size": 0}, "epoch_size must be at least 1"),
        ({"max_epochs": 0}, "max_epochs must be at least 1"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"learning_rate": float("nan")}, "learning_rate must be positive"),
        ({"weight_decay": -1.0}, "weight_decay must not be negative"),
        ({"clip_norm": 0.0}, "clip_norm must be positive"),
    ],
)
def test_a_recipe_that_cannot_work_gets_a_sentence(changed: dict[str, float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Training(**changed)  # pyright: ignore


def test_every_network_needs_its_streams() -> None:
    with pytest.raises(ValueError, match="every network needs its own streams: there are 1 and 0"):
        minimise([slope(0.0)], Climb(), ONE_POINT, streams=[], training=steps(0.1))


def last_weights(network: nn.Module, streams: Streams, loss: Loss, examples: Examples, training: Training, **settings):
    """Those of the last epoch, not of the best."""
    seen: list[Tensor] = []

    def note(network: nn.Module, _: int) -> None:
        seen.append(torch.cat([p.detach().flatten().clone() for p in network.parameters()]))

    minimise([network], loss, examples, streams=[streams], training=training, on_epoch=note, **settings)
    return seen[-1]


def test_a_penalty_is_added_to_the_loss_of_every_step() -> None:
    examples, ridge = blobs(), 0.7

    class Penalised(CrossEntropy):
        def __call__(self, outputs: Tensor, targets: Tensor, /) -> Tensor:
            return super().__call__(outputs, targets) + ridge * sum(p.square().sum() for p in one.parameters())

    make = partial(MLP, 6, 3, hidden=(8,))
    one, streams = built(make)
    inside = last_weights(one, streams, Penalised(), examples, SHORT)
    other, streams = built(make)
    beside = last_weights(
        other,
        streams,
        CrossEntropy(),
        examples,
        SHORT,
        penalty=lambda network, _: ridge * sum((p.square().sum() for p in network.parameters()), torch.zeros(())),
    )
    torch.testing.assert_close(inside, beside)


def test_each_epoch_shows_its_own_weights_and_the_last_stays() -> None:
    seen: list[Tensor] = []

    def note(network: nn.Module, epoch: int) -> None:
        assert epoch == len(seen)
        seen.append(torch.cat([p.detach().flatten().clone() for p in network.parameters()]))

    network, streams = built(partial(MLP, 6, 3, hidden=(8,)))
    (fit,) = minimise([network], CrossEntropy(), blobs(), streams=[streams], training=SHORT, on_epoch=note)
    assert len(seen) == len(fit.losses) == 4
    assert len({tuple(weights.tolist()) for weights in seen}) == 4
    kept = torch.cat([p.detach().flatten() for p in network.parameters()])
    assert torch.equal(kept, seen[fit.best_epoch])


def test_members_that_are_watched_are_trained_one_after_the_other() -> None:
    pairs = [built(partial(MLP, 6, 3, hidden=(8,)), seed) for seed in (0, 1)]
    networks, streams = [network for network, _ in pairs], [s for _, s in pairs]
    seen: list[nn.Module] = []
    fits = minimise(
        networks,
        CrossEntropy(),
        blobs(),
        streams=streams,
        training=SHORT,
        on_epoch=lambda network, _: seen.append(network),
    )
    assert seen == [networks[0]] * 4 + [networks[1]] * 4
    assert not any(fit.together for fit in fits)
    with pytest.raises(ValueError, match="look at one network at a time"):
        minimise(
            networks, CrossEntropy(), blobs(), streams=streams, training=SHORT, together=True, on_epoch=lambda *_: None
        )


def test_the_schedule_scales_every_step() -> None:
    rates = []

    def cool(t: float) -> float:
        rates.append(t)
        return 1 - t

    training = replace(SHORT, optimiser=torch.optim.SGD, schedule=cool, learning_rate=0.1, weight_decay=0.0)
    examples = blobs()
    cooled, streams = built(partial(MLP, 6, 3, hidden=(8,), dropout=0.0))
    found = last_weights(cooled, streams, CrossEntropy(), examples, training)
    assert rates == pytest.approx([step / 12 for step in range(12)])  # 4 epochs of 3 batches

    network, streams = built(partial(MLP, 6, 3, hidden=(8,), dropout=0.0))
    order, step = Generator().manual_seed(streams.order), 0
    for _ in range(4):
        shuffles = torch.rand(1, 30, generator=order).argsort(dim=1).flatten()[:21]
        for batch in shuffles.split(7):
            loss = F.cross_entropy(network(examples.inputs[batch]), examples.targets[batch])
            for p, g in zip(network.parameters(), torch.autograd.grad(loss, list(network.parameters())), strict=True):
                p.data -= 0.1 * (1 - step / 12) * g
            step += 1
    torch.testing.assert_close(found, torch.cat([p.detach().flatten() for p in network.parameters()]))
