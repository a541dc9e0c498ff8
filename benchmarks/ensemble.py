"""Training: ten MLPs on digits, and the BatchBALD authors' MNIST network: ``python -m benchmarks.ensemble [--smoke]``.

Ten members, each with its own start and order, 20 epochs in batches of 64. "one after the other" and "stacked by hand"
are plain torch: a loop, and all members as batched products, which is what nobody should have to write. Both take the
same starts and orders as ours. "fused" is torch's one-pass AdamW, which ours uses by default.
The floor of the convolutional network is its multiply-adds at the speed of a large matrix product.
"""

import argparse
from collections.abc import Callable
from functools import partial

import torch
from sklearn.datasets import load_digits
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from bayesal.learning import CrossEntropy, Examples, Streams, Training, minimise
from bayesal.learning.examples import draws
from bayesal.learning.streams import seeded
from bayesal.networks import MLP, MnistCNN
from benchmarks._compare import Job, seconds

OURS = "bayesal, together"
LOOP = "bayesal, one after the other"
BATCH = 64
MNIST_DRAWS = 5056
MNIST_STEP = 3 * 3_867_904 - 460_800  # multiply-adds a draw: forward, both gradients, but none for the images
Optimiser = Callable[[list[Tensor]], torch.optim.Optimizer]


def starts(make: Callable[[], nn.Module], members: int) -> tuple[list[nn.Module], list[Streams]]:
    generator = Generator().manual_seed(0)
    streams = [Streams.of(generator) for _ in range(members)]
    networks = []
    for stream in streams:
        with seeded(stream.initialisation):
            networks.append(make())
    return networks, streams


def epochs(streams: list[Streams], n: int, count: int) -> list[Tensor]:
    """What every member meets, in batches ``M B``, the same for everyone."""
    orders = [Generator().manual_seed(stream.order) for stream in streams]
    shuffled = [torch.stack([draws(n, n, generator=order) for order in orders]) for _ in range(count)]
    return [batch for order in shuffled for batch in order.tensor_split(-(-n // BATCH), dim=1)]


def ours(data: Examples, count: int, members: int, together: bool, dropout: float = 0.0) -> list[nn.Module]:
    networks, streams = starts(partial(MLP, 64, 10, dropout=dropout), members)
    training = Training(batch_size=BATCH, epoch_size=None, max_epochs=count, patience=None)
    minimise(networks, CrossEntropy(), data, streams=streams, training=training, together=together)
    return networks


def one_after_the_other(data: Examples, count: int, members: int, optimiser: Optimiser) -> list[nn.Module]:
    networks, streams = starts(partial(MLP, 64, 10, dropout=0.0), members)
    batches = epochs(streams, len(data), count)
    for m, network in enumerate(networks):
        steps = optimiser(list(network.parameters()))
        for batch in batches:
            loss = F.cross_entropy(network(data.inputs[batch[m]]), data.targets[batch[m]])
            steps.zero_grad()
            loss.backward()
            steps.step()
    return networks


def stacked_by_hand(data: Examples, count: int, members: int, optimiser: Optimiser) -> list[Tensor]:
    networks, streams = starts(partial(MLP, 64, 10, dropout=0.0), members)
    own = [list(network.parameters()) for network in networks]
    stacks = [torch.stack([p[i].detach() for p in own]) for i in range(6)]
    stacks = [s.mT.contiguous() if s.ndim == 3 else s.unsqueeze(1) for s in stacks]
    for stack in stacks:
        stack.requires_grad_()
    steps = optimiser(stacks)
    w1, b1, w2, b2, w3, b3 = stacks
    for batch in epochs(streams, len(data), count):
        hidden = torch.relu(torch.baddbmm(b1, data.inputs[batch], w1))
        outputs = torch.baddbmm(b3, torch.relu(torch.baddbmm(b2, hidden, w2)), w3)
        loss = F.cross_entropy(outputs.flatten(0, 1), data.targets[batch].flatten()) * members
        steps.zero_grad()
        loss.backward()
        steps.step()
    return stacks


def mlps(smoke: bool) -> None:
    digits, classes = load_digits(return_X_y=True)
    data = Examples(torch.tensor(digits / 16, dtype=torch.float32), torch.tensor(classes))
    count, members = (2, 10) if smoke else (20, 10)
    plain = partial(torch.optim.AdamW, lr=1e-3)
    fused = partial(torch.optim.AdamW, lr=1e-3, fused=True)
    jobs: dict[str, Job] = {
        OURS: lambda: ours(data, count, members, together=True),
        LOOP: lambda: ours(data, count, members, together=False),
        "bayesal, together, with dropout": lambda: ours(data, count, members, together=True, dropout=0.1),
        "torch, one after the other": lambda: one_after_the_other(data, count, members, plain),
        "torch, stacked by hand": lambda: stacked_by_hand(data, count, members, plain),
        "torch, stacked by hand, fused": lambda: stacked_by_hand(data, count, members, fused),
    }
    together, alone = jobs[OURS](), jobs[LOOP]()
    pairs = zip(*([p for network in each for p in network.parameters()] for each in (together, alone)), strict=True)
    equal = all(torch.equal(p, q) for p, q in pairs)
    print(f"{members} MLPs 64-128-128-10, {len(data)} digits, {count} epochs; {torch.get_num_threads()} threads")
    print(f"trained together and one after the other, the weights are equal to the last bit: {equal}")
    report(seconds(jobs, 1 if smoke else 3), "torch, stacked by hand")


def mnist(smoke: bool) -> None:
    generator = Generator().manual_seed(0)
    draws_ = BATCH * 4 if smoke else MNIST_DRAWS
    data = Examples(torch.randn(100, 1, 28, 28, generator=generator), torch.randint(10, (100,), generator=generator))
    training = Training(batch_size=BATCH, epoch_size=draws_, max_epochs=1)

    def with_ours() -> None:
        networks, streams = starts(MnistCNN, 1)
        minimise(networks, CrossEntropy(), data, streams=streams, training=training)

    def plain() -> None:
        (network,), _ = starts(MnistCNN, 1)
        steps = torch.optim.AdamW(network.parameters(), lr=1e-3)
        images = data.inputs.contiguous()
        for batch in draws(len(data), draws_, generator=Generator()).split(BATCH):
            loss = F.cross_entropy(network(images[batch]), data.targets[batch])
            steps.zero_grad()
            loss.backward()
            steps.step()

    square = torch.randn(2048, 2048, generator=generator)

    def floor() -> None:
        for _ in range(round(draws_ * MNIST_STEP / 2048**3)):
            torch.mm(square, square)

    jobs: dict[str, Job] = {"bayesal": with_ours, "torch": plain, "floor: its multiply-adds": floor}
    print(f"\nMnistCNN, an epoch of {draws_} draws from {len(data)} images")
    report(seconds(jobs, 1 if smoke else 3), "torch")


def report(times: dict[str, float], reference: str) -> None:
    for name, time in times.items():
        print(f"  {name:34} {time:7.2f} s  {time / times[reference]:5.2f} x {reference}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="small sizes, to see that it runs")
    smoke = parser.parse_args().smoke
    mlps(smoke)
    mnist(smoke)


if __name__ == "__main__":
    main()
