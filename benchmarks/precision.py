"""How far float32, bfloat16 and float16 are from float64: ``python -m benchmarks.precision [--smoke]``.

For each score, and for the gains of each rule once two points are taken: the largest difference over all points, in
nats or the score's own unit, relative where the number is above 1. "arithmetic" compares with float64 of the same
rounded numbers; "in all" with float64 of the numbers before rounding. "order" is how many of the best tenth of the
points by float64 are among the best tenth by half precision. BalEntAcq is compared by BalEnt, of which it is the
reciprocal: near balance that has no bound.
"""

import argparse
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Generator, Tensor
from torch.distributions import Categorical

from bayesal.acquisitions import (
    balance,
    bald,
    balentacq,
    entropy,
    epig,
    expected_entropy,
    least_confidence,
    margin,
    mean_std,
    variation_ratio,
)
from bayesal.selection import JEPIG, KBALD, BatchBALanCe, BatchBALD
from bayesal.types import GreedyRule

NUM_CLASSES = 10
NUM_TARGETS = 2
HALVES = {"bfloat16": torch.bfloat16, "float16": torch.float16}

Quantity = Callable[[Tensor, Tensor], Tensor]
"""Log-probabilities ``N K C`` of points and ``T K C`` of targets to N numbers."""


def _score(score: Callable[[Categorical], Tensor], logs: Tensor, targets: Tensor) -> Tensor:
    return score(_categorical(logs))


def _balanced_entropy(logs: Tensor, targets: Tensor) -> Tensor:
    scores = balentacq(_categorical(logs))
    return torch.where(scores > 0, 1 / scores, scores)


def _balance(logs: Tensor, targets: Tensor) -> Tensor:
    return balance(_categorical(logs), _edges(logs))


def _epig(logs: Tensor, targets: Tensor) -> Tensor:
    return epig(_categorical(logs), _categorical(targets))


def _gains(rule: Callable[[Tensor, Tensor], GreedyRule], logs: Tensor, targets: Tensor) -> Tensor:
    """With few enough labels taken that none is sampled."""
    greedy = rule(logs, targets)
    return greedy.gains(greedy.take(greedy.init(logs, generator=Generator()), logs[:2]))


def _edges(logs: Tensor) -> Tensor:
    """Every second pair."""
    return torch.arange(logs.shape[1] // 2) % 2 == 0


def _categorical(logs: Tensor) -> Categorical:
    return Categorical(logits=logs, validate_args=False)


QUANTITIES: Mapping[str, Quantity] = {
    "entropy": partial(_score, entropy),
    "expected_entropy": partial(_score, expected_entropy),
    "bald": partial(_score, bald),
    "least_confidence": partial(_score, least_confidence),
    "margin": partial(_score, margin),
    "variation_ratio": partial(_score, variation_ratio),
    "mean_std": partial(_score, mean_std),
    "balentacq": _balanced_entropy,
    "balance": _balance,
    "epig": _epig,
    "BatchBALD": partial(_gains, lambda logs, targets: BatchBALD()),
    "KBALD": partial(_gains, lambda logs, targets: KBALD()),
    "JEPIG": partial(_gains, lambda logs, targets: JEPIG(targets)),
    "BatchBALanCe": partial(_gains, lambda logs, targets: BatchBALanCe(_edges(logs))),
}


def draw(case: str, num_points: int, num_hypotheses: int) -> tuple[Tensor, Tensor]:
    """Points and targets in float64. "random": all logits are independent. "confident": hypotheses mostly agree."""
    generator = Generator().manual_seed(0)
    shape = (num_points + NUM_TARGETS, num_hypotheses, NUM_CLASSES)
    logits = torch.randn(shape, dtype=torch.float64, generator=generator)
    if case == "random":
        logits = 2 * logits
    else:
        logits = logits + 4 * torch.randn(shape[0], 1, NUM_CLASSES, dtype=torch.float64, generator=generator)
    logs = logits.log_softmax(2)
    return logs[:num_points], logs[num_points:]


def single(quantity: Quantity, logs: Tensor, targets: Tensor) -> float:
    """The largest difference of float32 from float64, in all."""
    return _largest(quantity(logs.float(), targets.float()), quantity(logs, targets))


def half(quantity: Quantity, dtype: torch.dtype, logs: Tensor, targets: Tensor) -> tuple[float, float, float]:
    """The largest difference in arithmetic and in all, and how much of the best tenth is kept."""
    rounded, rounded_targets = logs.to(dtype), targets.to(dtype)
    seen = quantity(rounded, rounded_targets)
    same_numbers = quantity(rounded.double().log_softmax(2), rounded_targets.double().log_softmax(2))
    exact = quantity(logs, targets)
    tenth = max(1, len(exact) // 10)
    kept = torch.isin(seen.topk(tenth).indices, exact.topk(tenth).indices).double().mean()
    return _largest(seen, same_numbers), _largest(seen, exact), float(kept)


def _largest(seen: Tensor, exact: Tensor) -> float:
    """Relative where the exact number is above 1."""
    return float(((seen.double() - exact.double()).abs() / exact.double().abs().clamp_min(1)).max())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.precision", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="small sizes, to see that it runs")
    points, hypotheses = (40, 20) if parser.parse_args().smoke else (1000, 100)
    for case in ("random", "confident"):
        logs, targets = draw(case, points, hypotheses)
        print(f"\n{case}: N = {points}, K = {hypotheses}, C = {NUM_CLASSES}; largest difference from float64\n")
        print("| | float32, in all | bfloat16, arithmetic | in all | order | float16, arithmetic | in all | order |")
        print("|---|---|---|---|---|---|---|---|")
        for name, quantity in QUANTITIES.items():
            cells = [f"{single(quantity, logs, targets):.0e}"]
            for dtype in HALVES.values():
                arithmetic, in_all, kept = half(quantity, dtype, logs, targets)
                cells += [f"{arithmetic:.0e}", f"{in_all:.0e}", f"{kept:.0%}"]
            print(f"| `{name}` | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
