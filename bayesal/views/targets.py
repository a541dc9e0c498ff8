"""Target inputs: where predictions should become better. Only their inputs are used, never a label."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.recipe import digest, recipe
from bayesal.types import Ids

SAMPLE = 64  # targets that are looked at to tell pools apart


@dataclass(frozen=True, eq=False)
class TargetPoints:
    """Points (``ids`` of ``pool``, which need not be the pool that is chosen from) and how much each counts."""

    pool: Pool
    ids: Ids
    weights: Float[Tensor, "M"] | None = None


@runtime_checkable
class Targets(Protocol):
    """Where predictions should become better; drawn anew in each round where there are too many."""

    def __call__(self, pool: Pool, /, *, generator: Generator) -> TargetPoints: ...


@dataclass(frozen=True, repr=False)
class FromPool:
    """``number`` points drawn evenly from the pool, labelled or not; all of them if there are no more."""

    number: int = 100

    __repr__ = recipe

    def __post_init__(self) -> None:
        _check_number(self.number)

    def __call__(self, pool: Pool, /, *, generator: Generator) -> TargetPoints:
        return TargetPoints(pool, pool.ids[_drawn(len(pool), self.number, generator)])


@dataclass(frozen=True, eq=False, repr=False)
class Given:
    """Target inputs of the user's: anything ``Pool.of`` takes. ``number`` of them are drawn in each round (all: None).

    ``weights``: one number at least 0 for each, how much it counts. Raises ValueError for no inputs, and for weights of
    another number.
    """

    inputs: Any
    weights: Tensor | np.ndarray | Sequence[float | int] | None = None
    number: int | None = 100

    def __post_init__(self) -> None:
        size = len(self._pool())
        if size == 0:
            raise ValueError("there are no target inputs; give at least one, or draw them from the pool: FromPool()")
        weights = self._weights()
        if weights is not None and weights.shape != (size,):
            raise ValueError(f"there are {size} target inputs but weights of shape {tuple(weights.shape)}")
        if self.number is not None:
            _check_number(self.number)

    def __repr__(self) -> str:
        pool = self._pool()
        numbers = digest(self.inputs) or digest(pool.gather(pool.ids[:SAMPLE]))
        said = " ".join(filter(None, (f"{len(pool)} points", numbers, digest(self._weights()))))
        return f"Given({said}, number={self.number})"

    def __call__(self, pool: Pool, /, *, generator: Generator) -> TargetPoints:
        targets = self._pool()
        kept = _drawn(len(targets), len(targets) if self.number is None else self.number, generator)
        weights = self._weights()
        return TargetPoints(targets, targets.ids[kept], None if weights is None else weights[torch.from_numpy(kept)])

    def _weights(self) -> Float[Tensor, "M"] | None:
        return None if self.weights is None else torch.as_tensor(self.weights).double()

    def _pool(self) -> Pool:
        return Pool.of(self.inputs, progress=False)


def _drawn(size: int, number: int, generator: Generator) -> np.ndarray:
    if size == 0:
        raise ValueError("the pool is empty, so no targets can be drawn from it")
    if number >= size:
        return np.arange(size)
    return torch.randperm(size, generator=generator)[:number].sort().values.numpy()


def _check_number(number: int) -> None:
    if number < 1:
        raise ValueError(f"number of targets must be at least 1, but it is {number}")
