"""One view, one rule."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.strategies.contract import check_batch, grown, picked
from bayesal.types import GreedyRule, Rule, Selection
from bayesal.views.view import View


@dataclass(frozen=True, repr=False)
class Blind:
    """The rule chooses among points nobody looked at: no belief is asked and no input is read."""

    rule: Rule

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        ids = pool.unlabelled
        check_batch(batch_size, len(ids))
        return picked(self.rule, torch.zeros(len(ids)), ids, batch_size, generator=generator)


@dataclass(frozen=True, repr=False)
class Pick:
    """Rows are scores; the rule picks among them."""

    view: View[Any]
    rule: Rule

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        ids = pool.unlabelled
        check_batch(batch_size, len(ids))
        scores = pool.scan(self.view(belief, pool, generator=generator), ids, what="scoring the pool")
        return picked(self.rule, scores, ids, batch_size, generator=generator)


@dataclass(frozen=True, repr=False)
class Grow:
    """Rows are what the greedy rule needs; the batch grows one point at a time."""

    view: View[Any]
    rule: GreedyRule[Any]

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        ids = pool.unlabelled
        check_batch(batch_size, len(ids))
        rows = pool.scan(self.view(belief, pool, generator=generator), ids, what="looking at the pool")
        return grown(self.rule, rows, ids, batch_size, generator=generator)
