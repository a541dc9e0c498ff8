"""The points whose predictions moved most since the last cycle."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Generator

from bayesal import selection
from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.strategies.contract import check_batch, picked
from bayesal.types import Selection
from bayesal.views.discrepancy import Discrepancy, checked

FIRST_CYCLES = ("random", "lowest_vs_init")


@dataclass(frozen=True, repr=False)
class Drift:
    """The largest discrepancies between the belief's two moments.

    ``first_cycle``: what to do while there is no earlier cycle; "random", or "lowest_vs_init": the points whose
    predictions moved least since before the training, as the authors' program does. Where nothing moved at all the
    points are drawn at random. Both are said in the notes.
    """

    view: Discrepancy
    first_cycle: str = "random"

    __repr__ = recipe

    def __post_init__(self) -> None:
        if self.first_cycle not in FIRST_CYCLES:
            raise ValueError(f"first_cycle must be {' or '.join(FIRST_CYCLES)}, but it is {self.first_cycle!r}")

    def __call__(self, belief: Any, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        ids = pool.unlabelled
        check_batch(batch_size, len(ids))
        first = checked(belief).first_cycle
        if first and self.first_cycle == "random":
            return _drawn(ids, batch_size, "there is no earlier cycle to compare with yet", generator)
        scores = pool.scan(self.view(belief, pool, generator=generator), ids, what="scoring the pool")
        if len(scores) and not bool(scores.any()):
            return _drawn(ids, batch_size, "no prediction moved since the earlier moment", generator)
        chosen = picked(selection.top, -scores if first else scores, ids, batch_size, generator=generator)
        note = "there is no earlier cycle yet: the points that moved least since before any training were taken"
        return replace(chosen, notes=(note,)) if first else chosen


def _drawn(ids: np.ndarray, batch_size: int, reason: str, generator: Generator) -> Selection:
    chosen = picked(selection.random, torch.zeros(len(ids)), ids, batch_size, generator=generator)
    return replace(chosen, notes=(f"{reason}, so the points were drawn at random",))
