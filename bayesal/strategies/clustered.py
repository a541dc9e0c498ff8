"""Batches chosen as a whole among features, beside those of what is labelled."""

from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.strategies.contract import Strategy, check_batch, named, seen_beside
from bayesal.types import Selection
from bayesal.views.view import View


@runtime_checkable
class Clusters(Protocol):
    """A rule that chooses a batch as a whole and may look at rows that are known."""

    def select(self, rows: Any, batch_size: int, *, given: Tensor | None = None, generator: Generator) -> Selection: ...


@dataclass(frozen=True, repr=False)
class Clustered:
    """``view`` shows what is labelled and what is not; ``rule`` chooses among clusters of both
    (``selection.TypiClust``, ``selection.KMeans``, ``selection.ClusterMargin``)."""

    view: View[Any]
    rule: Clusters

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        ids = pool.unlabelled
        check_batch(batch_size, len(ids))
        with torch.no_grad():
            known, rows = seen_beside(self.view(belief, pool, generator=generator), pool)
        return named(self.rule.select(rows, batch_size, given=known, generator=generator), ids)


@dataclass(frozen=True, repr=False)
class Believing:
    """``then`` where there is a belief, ``otherwise`` where there is none, before anything is labelled; it is noted."""

    then: Strategy[Any]
    otherwise: Strategy[Any]

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        if belief is not None:
            return self.then(belief, pool, batch_size, generator=generator)
        selection = self.otherwise(belief, pool, batch_size, generator=generator)
        note = f"nothing is believed yet, so the batch was chosen by {self.otherwise!r}"
        return replace(selection, notes=(note, *selection.notes))
