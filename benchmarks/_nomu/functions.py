"""Functions of one input in [-1, 1], and what a learner is told and asked of them."""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from bayesal.data import load

GRID = 201


class Problem(NamedTuple):
    """Training and test points of one seed; labels are standardised by the test part's mean and deviation."""

    inputs: Tensor
    labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor
    noisy: bool


def sine(x: Tensor, seed: int) -> Tensor:
    return 0.8 * torch.sin(4 * x)


def forrester(x: Tensor, seed: int) -> Tensor:
    u = (x + 1) / 2
    return (6 * u - 2).square() * torch.sin(12 * u - 4)


def levy(x: Tensor, seed: int) -> Tensor:
    w = 1 + (5 * x - 1) / 4
    return (math.pi * w).sin().square() + (w - 1).square() * (1 + (2 * math.pi * w).sin().square())


def kink(x: Tensor, seed: int) -> Tensor:
    return (x - 0.2).abs()


def jump(x: Tensor, seed: int) -> Tensor:
    return 0.5 * x + (x > 0.1).double()


def rough(x: Tensor, seed: int) -> Tensor:
    """A sample of a Matérn-3/2 process of length 0.4, as 500 random waves."""
    generator = Generator().manual_seed(1000 + seed)
    normal = torch.randn(500, generator=generator, dtype=torch.float64)
    gamma = torch.randn(500, 3, generator=generator, dtype=torch.float64).square().sum(1)  # χ² with 3 degrees
    waves = normal / 0.4 * (3 / gamma).sqrt()
    phases = 2 * math.pi * torch.rand(500, generator=generator, dtype=torch.float64)
    return math.sqrt(2 / 500) * (x[:, None] * waves + phases).cos().sum(1)


def of_function(function: Callable[[Tensor, int], Tensor], seed: int) -> Problem:
    """Eight points drawn uniformly, without noise, and a grid to be tested on."""
    x = torch.rand(8, generator=Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1
    grid = torch.linspace(-1, 1, GRID, dtype=torch.float64)
    truth = function(grid, seed)
    mean, scale = truth.mean(), truth.std()
    return Problem(
        x[:, None].float(), (function(x, seed) - mean) / scale, grid[:, None].float(), (truth - mean) / scale, False
    )


def of_table(name: str, count: int, seed: int) -> Problem:
    """``count`` points of a table's training part, and its test part, by the published split of this number."""
    data = load(name, split=seed)
    assert data.test_inputs is not None
    assert data.labels is not None
    assert data.test_labels is not None
    chosen = torch.randperm(len(data), generator=Generator().manual_seed(seed))[:count]
    whole, inputs, truth = torch.as_tensor(data.inputs), torch.as_tensor(data.test_inputs), data.test_labels.double()
    low, spread = whole.mean(0), whole.std(0).clamp_min(1e-6)
    mean, scale = truth.mean(), truth.std()
    labels = (data.labels[chosen].double() - mean) / scale
    return Problem((whole[chosen] - low) / spread, labels, (inputs - low) / spread, (truth - mean) / scale, True)


def friedman(count: int, seed: int) -> Problem:
    """Friedman's first function of ten inputs with noise of variance 1: for machines without the tables."""
    generator = Generator().manual_seed(seed)
    x = torch.rand(count + 500, 10, generator=generator, dtype=torch.float64)
    y = 10 * torch.sin(math.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5).square() + 10 * x[:, 3] + 5 * x[:, 4]
    y = y + torch.randn(len(y), generator=generator, dtype=torch.float64)
    y, x = (y - y.mean()) / y.std(), (x.float() - 0.5) * 12**0.5
    return Problem(x[:count], y[:count], x[count:], y[count:], True)


FUNCTIONS = {
    function.__name__: partial(of_function, function) for function in (sine, forrester, levy, kink, jump, rough)
}
