"""One view, one rule."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Generator

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.selection.greedy import grow
from bayesal.strategies.contract import check_batch, ids_at
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
        unseen = torch.zeros(len(ids))
        positions = self.rule(unseen, batch_size, generator=generator)
        return Selection(ids_at(ids, positions), unseen[positions], unseen[positions], positions)


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
        positions = self.rule(scores, batch_size, generator=generator)
        chosen = scores[positions]
        return Selection(ids_at(ids, positions), chosen, chosen, positions)


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
        grown = grow(self.rule, rows, batch_size, generator=generator)
        return replace(grown, ids=ids_at(ids, grown.positions))
