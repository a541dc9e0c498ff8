"""A shortlist in proportion to the batch."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.strategies.combined import Narrow
from bayesal.strategies.contract import Strategy
from bayesal.types import Ids, Selection


@dataclass(frozen=True, repr=False)
class Shortlisted:
    """``first`` keeps the best ``times`` times the batch, ``then`` chooses among those: ``Narrow`` for any batch."""

    first: Strategy[Any]
    times: float | int
    then: Strategy[Any]

    __repr__ = recipe

    def __post_init__(self) -> None:
        if not self.times >= 1:
            raise ValueError(f"a shortlist is at least as long as the batch, but times is {self.times}")

    def __call__(self, belief: Any, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        size = math.ceil(self.times * max(0, batch_size))
        selection = Narrow(self.first, size, self.then)(belief, pool, batch_size, generator=generator)
        return replace(selection, positions=positions_among(pool, selection.ids))


def positions_among(pool: Pool, ids: Ids) -> Tensor:
    """Where these ids stand in ``pool.unlabelled``, for what was chosen from a part of it."""
    open_ = pool.positions(pool.unlabelled)
    return torch.from_numpy(np.searchsorted(open_, pool.positions(ids)))  # both in storage order
