"""Strategies made of strategies."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.strategies.contract import Strategy, check_batch
from bayesal.types import Selection


@dataclass(frozen=True, repr=False)
class Narrow:
    """``first`` keeps the best ``size`` of the pool, ``then`` chooses among those: joint rules over large pools."""

    first: Strategy[Any]
    size: int
    then: Strategy[Any]

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        n = len(pool.unlabelled)
        check_batch(batch_size, n)
        if self.size < batch_size:
            raise ValueError(f"a batch of {batch_size} cannot be chosen from the {self.size} points Narrow keeps")
        kept = self.first(belief, pool, min(self.size, n), generator=generator)
        return self.then(belief, pool.only(kept.ids), batch_size, generator=generator)


@dataclass(frozen=True, repr=False)
class Mix:
    """Several strategies share a batch: ``Mix((batchbald, 0.8), (random, 0.2))``; nothing is chosen twice."""

    parts: tuple[tuple[Strategy[Any], float], ...]

    __repr__ = recipe

    def __init__(self, *parts: tuple[Strategy[Any], float]) -> None:
        if not parts or any(share < 0 for _, share in parts) or sum(share for _, share in parts) <= 0:
            raise ValueError("Mix needs strategies with shares of at least 0 that do not all vanish")
        object.__setattr__(self, "parts", parts)

    def __call__(self, belief: Any, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        check_batch(batch_size, len(pool.unlabelled))
        chosen: list[Selection] = []
        ids: list[Any] = []
        for (strategy, _), size in zip(self.parts, self._sizes(batch_size), strict=True):
            taken = set(ids)
            rest = [i for i in pool.unlabelled.tolist() if i not in taken]
            selection = strategy(belief, pool.only(rest), size, generator=generator)
            chosen.append(selection)
            ids.extend(selection.ids)
        return Selection(
            ids,
            torch.cat([selection.scores for selection in chosen]),
            torch.cat([selection.gains for selection in chosen]),
            torch.from_numpy(pool.positions(ids)),
            tuple(note for selection in chosen for note in selection.notes),
        )

    def _sizes(self, batch_size: int) -> list[int]:
        """Whole numbers in proportion to the shares; what rounding leaves goes to the largest remainders."""
        total = sum(share for _, share in self.parts)
        exact = [batch_size * share / total for _, share in self.parts]
        sizes = [int(size) for size in exact]
        order = sorted(range(len(exact)), key=lambda i: sizes[i] - exact[i])
        for i in order[: batch_size - sum(sizes)]:
            sizes[i] += 1
        return sizes
