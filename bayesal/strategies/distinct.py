"""A batch without near duplicates."""

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Generator

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.selection.distinct import distinct
from bayesal.strategies.contract import Strategy, check_batch, seen_beside
from bayesal.strategies.shortlisted import positions_among
from bayesal.types import Selection
from bayesal.views.inputs import Inputs
from bayesal.views.view import View


@dataclass(frozen=True, repr=False)
class Distinct:
    """``then`` chooses among points that are no near duplicates of labelled ones, or of others it may choose.

    Points are like each other if the cosine of their rows under ``view`` is at least ``similarity``; by default rows
    are the points themselves. Of points that are like each other the first in the pool may be chosen; how many were set
    aside is noted. If fewer than the batch are left ``then`` chooses those first, and the rest among what was set
    aside, which is noted too.
    """

    then: Strategy[Any]
    view: View[Any] = field(default_factory=Inputs)
    similarity: float | int = 0.95

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        ids = pool.unlabelled
        check_batch(batch_size, len(ids))
        with torch.no_grad():
            look = self.view(belief, pool, generator=generator)
            known, rows = seen_beside(look, pool, what="looking for near duplicates")
        kept = distinct(rows, known, self.similarity).cpu().numpy()
        size = min(batch_size, int(kept.sum()))
        chosen = self.then(belief, pool.only(ids[kept]), size, generator=generator)
        notes = chosen.notes
        if not kept.all():
            aside = int((~kept).sum())
            notes += (f"{aside} of {len(ids)} points were set aside as near duplicates",)
        if size == batch_size:
            return replace(chosen, positions=positions_among(pool, chosen.ids), notes=notes)
        rest = self.then(belief, pool.only(ids[~kept]), batch_size - size, generator=generator)
        picked = [*chosen.ids, *rest.ids]
        return Selection(
            picked,
            torch.cat([chosen.scores, rest.scores]),
            torch.cat([chosen.gains, rest.gains]),
            positions_among(pool, picked),
            (
                *notes,
                f"only {size} are not alike, so {batch_size - size} near duplicates are in the batch",
                *rest.notes,
            ),
        )
