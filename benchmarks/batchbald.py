"""BatchBALD against batchbald_redux and baal: ``python -m benchmarks.batchbald [--smoke]``.

All choose from the same predictions in one process. What counts is the time *at equal information of the batch*, so
every batch is judged by the same independent estimate. Seconds of the clock and of the processors are given: on a
machine shared with others, trust the second. The peers are optional: ``pip install 'bayesal[benchmark]'``.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import Generator, Tensor

from bayesal.selection import BatchBALD, grow
from benchmarks._compare import added_peak, peer, quietly
from benchmarks._measure import exponent

Select = Callable[[Tensor, int, int], list[int]]  # log-probabilities N K C, batch size, configurations


def ours(log_probs: Tensor, batch_size: int, configurations: int) -> list[int]:
    generator = Generator().manual_seed(0)
    return grow(BatchBALD(configurations), log_probs, batch_size, generator=generator).positions.tolist()


def redux(log_probs: Tensor, batch_size: int, configurations: int) -> list[int]:
    module = peer("batchbald_redux.batchbald")
    assert module is not None
    return module.get_batchbald_batch(log_probs, batch_size, configurations, dtype=torch.double).indices


def baal(log_probs: Tensor, batch_size: int, configurations: int) -> list[int]:
    module = peer("baal.active.heuristics")
    assert module is not None
    heuristic = module.BatchBALD(batch_size, num_draw=configurations // log_probs.shape[1])  # draws per hypothesis
    return heuristic(log_probs.exp().transpose(1, 2).numpy())[:batch_size].tolist()


PEERS: dict[str, Select] = {
    name: select
    for name, module, select in [
        ("batchbald_redux", "batchbald_redux.batchbald", redux),
        ("baal", "baal.active.heuristics", baal),
    ]
    if peer(module)
}


def predictions(num_points: int, num_hypotheses: int, num_classes: int, seed: int = 1) -> Tensor:
    """Log-probabilities of draws of a linear model: points share what the hypotheses disagree about, as in real pools.

    Ten picks learn about 3.9 of the ln 100 = 4.6 nats that 100 hypotheses hold.
    """
    generator, num_features = Generator().manual_seed(seed), 20
    inputs = torch.randn(num_points, num_features, generator=generator)
    mean = torch.randn(num_features, num_classes, generator=generator)
    draws = mean + 0.35 * torch.randn(num_hypotheses, num_features, num_classes, generator=generator)
    logits = torch.einsum("nd,kdc->nkc", inputs, draws) * (3 / math.sqrt(num_features))
    return logits.log_softmax(-1)


def information(log_probs: Tensor, positions: Sequence[int], num_samples: int) -> tuple[float, float]:
    """I(y_S; w) = ln K - E H(w | y_S) and its standard error, from labels drawn under each hypothesis in turn."""
    num_hypotheses, block = log_probs.shape[1], 20_000
    generator, left = Generator().manual_seed(7), []
    for _ in range(max(1, num_samples // block)):
        hypotheses = torch.arange(block) % num_hypotheses
        likelihood = torch.zeros(block, num_hypotheses, dtype=torch.float64)
        for row in log_probs[list(positions)].double():
            labels = torch.multinomial(row.exp()[hypotheses], 1, generator=generator).squeeze(1)
            likelihood += row.T[labels]
        left.append(torch.special.entr(likelihood.softmax(1)).sum(1))
    entropies = torch.cat(left)
    return math.log(num_hypotheses) - float(entropies.mean()), float(entropies.std() / len(entropies) ** 0.5)


@dataclass(frozen=True)
class Run:
    batch: list[int]
    seconds: float
    cpu_seconds: float
    added_mib: float

    def __str__(self) -> str:
        return f"{self.seconds:9.3f} s {self.cpu_seconds:9.3f} CPU s  +{self.added_mib:7.1f} MiB"


def run(select: Select, log_probs: Tensor, batch_size: int, configurations: int, repeats: int) -> Run:
    seconds: list[float] = []
    cpu_seconds: list[float] = []
    batch: list[int] = []

    def once() -> None:
        start, cpu_start = time.perf_counter(), time.process_time()
        batch[:] = select(log_probs, batch_size, configurations)
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu_start)

    added = max(added_peak(quietly(once)) for _ in range(repeats))
    return Run(batch, median(seconds), median(cpu_seconds), added)


def compare(log_probs: Tensor, batch_size: int, peers: Sequence[str], *, configurations: int, samples: int) -> None:
    n, k, c = log_probs.shape
    print(f"\nN={n} K={k} C={c} B={batch_size}, {configurations} configurations")
    mine = run(ours, log_probs, batch_size, configurations, repeats=3)
    runs = {"bayesal": mine}
    for name in peers:
        if name in PEERS:
            runs[name] = run(PEERS[name], log_probs, batch_size, configurations, repeats=1)
    for name, each in runs.items():
        value, error = information(log_probs, each.batch, samples)
        same = sum(a == b for a, b in zip(each.batch, mine.batch, strict=True))
        print(
            f"  {name:16}{each}  {each.cpu_seconds / mine.cpu_seconds:6.1f} × our CPU s"
            f"   information {value:.4f} ± {error:.4f}   {same} of {batch_size} picks as ours",
            flush=True,
        )


def growth(what: str, sizes: Sequence[int], job: Callable[[int], tuple[Tensor, int, int]]) -> None:
    """Ours, at each size of one thing; ``job`` says the rows, the batch size and the configurations."""
    print(f"\ngrowth in {what}")
    runs: list[Run] = []
    for size in sizes:
        runs.append(run(ours, *job(size), repeats=3))
        print(f"  {what}={size:<8}{runs[-1]}")
    seconds = exponent(sizes, [each.cpu_seconds for each in runs])
    memory = exponent(sizes, [each.added_mib for each in runs])
    print(f"  exponents: CPU s {seconds:.2f}, added memory {memory:.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a few seconds, to see that it runs")
    smoke = parser.parse_args().smoke
    n, k, m, samples = (200, 20, 500, 20_000) if smoke else (10_000, 100, 10_000, 200_000)
    c = 10

    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, Python {sys.version.split()[0]}")
    ours(predictions(50, k, c), 3, 100)  # the first call of a process is slower
    pool = predictions(n, k, c)
    compare(pool[: n // 10], 10, ["batchbald_redux", "baal"], configurations=m, samples=samples)
    for batch_size in (5, 10, 20):
        compare(pool, batch_size, ["batchbald_redux"], configurations=m, samples=samples)

    growth("N", (n // 4, n // 2, n, 2 * n), lambda size: (predictions(size, k, c), 10, m))
    growth("K", (k // 2, k, 2 * k), lambda size: (predictions(n // 2, size, c), 10, m))
    growth("C", (c // 2, c, 2 * c), lambda size: (predictions(n // 2, k, size), 10, m))
    growth("B", (5, 10, 20), lambda size: (pool, size, m))
    growth("configurations", (m, 2 * m, 4 * m), lambda size: (pool, 10, size))


if __name__ == "__main__":
    main()
