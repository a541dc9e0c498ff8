"""Batches chosen as a whole, to imitate the pool."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import Generator

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.strategies.contract import check_batch, named, unpacking
from bayesal.types import Selection
from bayesal.views.view import View


@runtime_checkable
class Imitator(Protocol):
    """A rule that chooses a batch as a whole and says what each row added."""

    def select(self, rows: Any, batch_size: int, *, generator: Generator) -> Selection: ...


@dataclass(frozen=True, repr=False)
class Imitate:
    """Rows stand for the points' losses; the rule chooses the batch whose weighted rows add up to about those of the
    whole pool (``selection.SparseApproximation``, ``selection.ACSFrankWolfe``)."""

    view: View[Any]
    rule: Imitator

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        ids = pool.unlabelled
        check_batch(batch_size, len(ids))
        look = self.view(belief, pool, generator=generator)
        rows = pool.scan(look, ids, what="looking at the pool")
        return named(self.rule.select(unpacking(look)(rows), batch_size, generator=generator), ids)
