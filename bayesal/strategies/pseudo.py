"""Choosing with a belief that also learned from labels it gave itself."""

from dataclasses import dataclass, replace
from typing import Any

from torch import Generator

from bayesal.data.pool import Pool
from bayesal.learning.ceal import Pseudolabelled
from bayesal.recipe import recipe
from bayesal.strategies.contract import Strategy
from bayesal.types import Selection


@dataclass(frozen=True, repr=False)
class AfterPseudoLabels:
    """What ``strategy`` chooses; how many labels the belief gave itself, and how many were right, is in the notes.

    Raises ValueError for a belief that was not learned so.
    """

    strategy: Strategy[Any]

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        if not isinstance(belief, Pseudolabelled):
            raise ValueError(
                f"this {type(belief).__name__} did not learn from labels of its own: use --posterior ceal, or learn it "
                "by learning.CEAL around its learner"
            )
        selection = self.strategy(belief, pool, batch_size, generator=generator)
        return replace(selection, notes=(belief.pseudo_labels.note(), *selection.notes))
