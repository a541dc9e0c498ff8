"""Rules that choose a batch as a whole, among features and beside those that are known."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeAlias

import torch
from jaxtyping import Float, Int, Shaped
from torch import Generator, Tensor

from bayesal.selection.door import check_batch_size, check_features
from bayesal.types import Selection

Picks: TypeAlias = tuple[Sequence[int], Sequence[float], tuple[str, ...]]
"""Positions in the order of the picks, what each is worth, and notes."""


class WholeBatch(ABC):
    """What such rules have in common: a ``Rule``, and ``select``, which also says what picks are worth."""

    @abstractmethod
    def picks(
        self, rows: Float[Tensor, "N D"], batch_size: int, known: Float[Tensor, "L D"], generator: Generator
    ) -> Picks:
        """B > 0 of N rows."""

    def __call__(self, rows: Shaped[Tensor, "N ..."], batch_size: int, /, *, generator: Generator) -> Int[Tensor, "B"]:
        """The positions of B different rows."""
        return self.select(rows, batch_size, generator=generator).positions

    def select(
        self,
        rows: Shaped[Tensor, "N ..."],
        batch_size: int,
        *,
        given: Shaped[Tensor, "L ..."] | None = None,
        generator: Generator,
    ) -> Selection:
        """B rows beside those ``given``; scores and gains are what each pick is worth.

        Raises ValueError for a batch below 0 or above N, rows that are no features, NaN and infinities.
        """
        known = rows[:0] if given is None else given
        check_features(rows, known)
        check_batch_size(batch_size, len(rows))
        positions, worth, notes = self.picks(rows, batch_size, known, generator) if batch_size else ((), (), ())
        gains = torch.tensor(worth, dtype=torch.float64)
        return Selection(list(positions), gains, gains, torch.tensor(positions, dtype=torch.int64), notes)
