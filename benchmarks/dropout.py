"""MC dropout of N images under K hypotheses against its peers: ``python -m benchmarks.dropout [--smoke]``.

All run the same trained-size networks in float32 and one process, one after the other in every round. batchbald_redux
and baal repeat the batch K times; "baal, pass by pass" forwards it K times; "one mask after the other" is what one
would write by hand, and also what our numbers are checked against. baal's masks differ within a batch, so it samples
no functions and is compared for time alone. The floor is the multiplications we do, at the rate of a large matrix
product measured here. The peers are optional: ``pip install 'bayesal[benchmark]'``.
"""

import argparse
import importlib
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from bayesal.posteriors import MCDropout
from benchmarks._measure import exponent, measure

OURS = "bayesal"
BY_HAND = "one mask after the other"
Layer = Callable[[float], nn.Module]


def batchbald_network(units: Layer, channels: Layer) -> nn.Module:
    """The MNIST network of the BatchBALD experiments."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 5), channels(0.5), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Conv2d(32, 64, 5), channels(0.5), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(1024, 128), units(0.5), nn.ReLU(), nn.Linear(128, 10)),
    )


def residual_network(units: Layer, channels: Layer) -> nn.Module:
    """A small ResNet for 32 x 32 images; dropout of units between the convolutions of its second and third block."""
    return nn.Sequential(
        *(nn.Conv2d(3, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU()),
        *(Block(32, 32, 1, nn.Identity()), Block(32, 64, 2, units(0.3)), Block(64, 128, 2, units(0.3))),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10)),
    )


class Block(nn.Module):
    """conv, norm, ReLU, dropout, conv, norm, and the shortcut around them."""

    def __init__(self, inputs: int, outputs: int, stride: int, drop: nn.Module) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            *(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(), drop),
            *(nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)),
        )
        self.shortcut = nn.Identity() if stride == 1 else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.inner(x) + self.shortcut(x))


def by_hand(network: nn.Module, masks: list[Tensor], images: Tensor) -> Tensor:
    """One forward pass a hypothesis, its masks multiplied in by hooks."""
    layers = [module for module in network.modules() if isinstance(module, nn.Dropout | nn.Dropout2d)]
    outputs = []
    for k in range(len(masks[0])):
        hooks = [
            layer.register_forward_hook(lambda _, __, output, mask=mask[k]: output * mask)
            for layer, mask in zip(layers, masks, strict=True)
        ]
        outputs.append(network(images))
        for hook in hooks:
            hook.remove()
    return torch.stack(outputs, dim=1)


def jobs_of(build: Callable[[Layer, Layer], nn.Module], images: Tensor, k: int) -> dict[str, Callable[[], Tensor]]:
    """What is measured, by name; ours first."""
    network = build(nn.Dropout, nn.Dropout2d).eval()
    hypotheses = MCDropout(network).draw(k, generator=Generator().manual_seed(0))
    ours = hypotheses(images).logits  # the first points show where dropout acts
    masks = [site.factors(hypotheses.seed, i, range(k), images.device) for i, site in enumerate(hypotheses.sites)]
    jobs: dict[str, Callable[[], Tensor]] = {
        OURS: lambda: hypotheses(images).logits,
        BY_HAND: lambda: by_hand(network, masks, images).log_softmax(-1),
    }
    torch.testing.assert_close(ours, jobs[BY_HAND](), rtol=0, atol=5e-6)
    if redux := peer("batchbald_redux.consistent_mc_dropout"):
        consistent = build(redux.ConsistentMCDropout, redux.ConsistentMCDropout2d)
        consistent.load_state_dict(network.state_dict())
        repeated = type("Repeated", (redux.BayesianModule,), {"mc_forward_impl": lambda _, x: consistent(x)})()
        consistent.eval()
        jobs["batchbald_redux"] = lambda: repeated(images, k).log_softmax(-1)
    if baal := peer("baal.bayesian.dropout"):
        wrapper = importlib.import_module("baal.modelwrapper")
        patched = baal.patch_module(network, inplace=False).eval()
        for name, repeat in (("baal", True), ("baal, pass by pass", False)):
            settings = wrapper.TrainingArgs(use_cuda=False, replicate_in_memory=repeat)
            jobs[name] = partial(wrapper.ModelWrapper(patched, settings).predict_on_batch, images, k)
    return jobs


def peer(name: str) -> Any | None:
    """The module, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        print(f"(left out: {name}: {error}; pip install 'bayesal[benchmark]')")
        return None


class Time(NamedTuple):
    """Seconds on the clock, and of all processors together: what a busy machine leaves comparable."""

    wall: float
    processor: float


def seconds(jobs: dict[str, Callable[[], Tensor]], rounds: int) -> dict[str, Time]:
    """The medians over rounds in which every job runs once."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            wall, processor = time.perf_counter(), time.process_time()
            job()
            times[name].append((time.perf_counter() - wall, time.process_time() - processor))
    return {name: Time(*(median(kind) for kind in zip(*taken, strict=True))) for name, taken in times.items()}


def flops(job: Callable[[], Tensor]) -> int:
    with FlopCounterMode(display=False) as counter:
        job()
    return counter.get_total_flops()


def gemm_rate() -> float:
    """Multiplications and additions a second in a product of two 1024 x 1024 matrices."""
    a, out = torch.randn(1024, 1024), torch.empty(1024, 1024)
    taken = seconds({"": lambda: torch.mm(a, a, out=out)}, 9)[""]
    return 2 * 1024**3 * torch.get_num_threads() / taken.processor


def compare(title: str, build: Callable[[Layer, Layer], nn.Module], images: Tensor, k: int, rounds: int) -> None:
    jobs = jobs_of(build, images, k)
    taken, rate = seconds(jobs, rounds), gemm_rate()
    print(f"\n{title}, N = {len(images)}, K = {k}\n{'':30}{'s':>9}{'of ours':>10}{'CPU s':>9}{'of ours':>10}{'MiB':>8}")
    ours = taken[OURS]
    for name, job in jobs.items():
        wall, processor = taken[name]
        ratios = f"{wall:9.3f}{wall / ours.wall:9.1f}x{processor:9.3f}{processor / ours.processor:9.1f}x"
        print(f"  {name:28}{ratios}{measure(job).added_mib:+8.0f}", flush=True)
    for name in (OURS, BY_HAND):
        count = flops(jobs[name])
        print(f"  floor of {name}: {count / 1e9:.1f} GFLOP at {rate / 1e9:.0f} GFLOP/s, {count / rate:.3f} s")


def growth(build: Callable[[Layer, Layer], nn.Module], images: Tensor, k: int, rounds: int) -> None:
    """How the processor time of ours grows with the number of images and of hypotheses."""
    network, n = build(nn.Dropout, nn.Dropout2d), len(images)
    for letter, sizes in (("N", [(n // 4, k), (n // 2, k), (n, k)]), ("K", [(n, k // 4), (n, k // 2), (n, k)])):
        jobs: dict[str, Callable[[], Tensor]] = {}
        for points, count in sizes:
            hypotheses = MCDropout(network).draw(count, generator=Generator().manual_seed(0))
            look = lambda h=hypotheses, x=images[:points]: h(x).logits  # noqa: E731
            jobs[str(points if letter == "N" else count)] = look
        seconds(jobs, 1)
        taken = {size: each.processor for size, each in seconds(jobs, rounds).items()}
        power = exponent([float(size) for size in taken], list(taken.values()))
        listed = ", ".join(f"{size}: {each:.3f} s" for size, each in taken.items())
        print(f"  growth with {letter}: {listed}; power {power:.2f}", flush=True)


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dropout", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a few seconds, to see that it runs")
    smoke = parser.parse_args().smoke
    k, rounds = (8, 1) if smoke else (100, 3)
    torch.manual_seed(0)
    print(f"MC dropout, {torch.get_num_threads()} threads, medians of {rounds}")
    for title, build, images in (
        ("BatchBALD's MNIST network", batchbald_network, torch.randn(8 if smoke else 256, 1, 28, 28)),
        (
            "a residual network with dropout from its middle on",
            residual_network,
            torch.randn(4 if smoke else 32, 3, 32, 32),
        ),
    ):
        compare(title, build, images, k, rounds)
        growth(build, images, k, rounds)


if __name__ == "__main__":
    main()
