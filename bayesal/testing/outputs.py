"""A distribution as one tensor of numbers, so that two can be compared."""

from functools import singledispatch

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal


@singledispatch
def numbers(distribution: Distribution) -> Tensor:
    """The parameters, with the batch shape first: equal numbers mean equal distributions."""
    return torch.stack([distribution.mean, distribution.variance], -1)


@numbers.register
def _(distribution: Categorical) -> Tensor:
    return distribution.probs  # type: ignore[return-value]


@numbers.register
def _(distribution: Bernoulli) -> Tensor:
    return distribution.probs.unsqueeze(-1)  # type: ignore[union-attr]


@numbers.register
def _(distribution: Normal) -> Tensor:
    return torch.stack([distribution.loc, distribution.scale], -1)


@numbers.register
def _(distribution: Independent) -> Tensor:
    return numbers(distribution.base_dist)


def close(a: Tensor, b: Tensor) -> bool:
    """Equal up to the reordering of a matrix product's sums."""
    if a.shape != b.shape:
        return False
    scale = max(1.0, float(b.abs().max()) if b.numel() else 1.0)
    tolerance = scale * (1e-9 if a.dtype == torch.float64 else 2e-5)
    return bool(((a - b).abs() <= tolerance).all())
