"""Predictions to measure with, the same on every device: made on the CPU, then moved."""

import torch
from torch import Generator, Tensor
from torch.distributions import Categorical

from benchmarks._subjects.subject import Size
from benchmarks.batchbald import predictions


def log_probabilities(n: int, k: int, c: int, device: torch.device, seed: int = 1) -> Tensor:
    """``N K C`` of K draws of a linear model: points share what the hypotheses disagree about, as in real pools."""
    return predictions(n, k, c, seed).to(device)


def unrelated(size: Size, device: torch.device, seed: int = 0) -> Tensor:
    """``N K C`` of logits that are all independent: for scores of single points, to which it makes no difference."""
    generator = Generator().manual_seed(seed)
    return torch.randn(size["N"], size["K"], size["C"], generator=generator).mul_(2).log_softmax(-1).to(device)


def pool_and_targets(size: Size, device: torch.device) -> tuple[Tensor, Tensor]:
    """Log-probabilities ``N K C`` of the pool and ``T K C`` of the targets, by the same K hypotheses."""
    both = log_probabilities(size["N"] + size["T"], size["K"], size["C"], device)
    return both[: size["N"]].clone(), both[size["N"] :].clone()


def categorical(logs: Tensor) -> Categorical:
    return Categorical(logits=logs, validate_args=False)
