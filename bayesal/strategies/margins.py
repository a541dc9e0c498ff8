"""Points next to where the label changes."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Generator

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.strategies.contract import check_batch, picked
from bayesal.types import Rule, Selection
from bayesal.views.view import View


@dataclass(frozen=True, repr=False)
class SmallestMargin:
    """Scores are minus the squared lengths of rows ``N 2``, (squared length, 1 if the label changed there, else 0).

    Points whose label did not change come after all others, in the order of how far they were moved; the notes say how
    many they are.
    """

    view: View[Any]
    rule: Rule

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        ids = pool.unlabelled
        check_batch(batch_size, len(ids))
        rows = pool.scan(self.view(belief, pool, generator=generator), ids, what="moving points")
        squared, never = rows[:, 0], rows[:, 1] == 0
        beyond = squared[~never].amax() if bool((~never).any()) else squared.new_zeros(())
        last = torch.nextafter(-squared - beyond, squared.new_tensor(-torch.inf))
        selection = picked(self.rule, torch.where(never, last, -squared), ids, batch_size, generator=generator)
        if not bool(never.any()):
            return selection
        note = f"the label of {int(never.sum())} of {len(ids)} points never changed; they stand last"
        return replace(selection, notes=(*selection.notes, note))
