"""Choosing points that are like some that are known."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.strategies.contract import check_batch, grown
from bayesal.types import GreedyRule, Selection
from bayesal.views.exemplars import Rare
from bayesal.views.similar import LabelGradients, Rows
from bayesal.views.targets import Targets


@dataclass(frozen=True, repr=False)
class LikeQueries:
    """The batch grows by what it shares with queries: ``rule(rows of the queries)`` is a greedy rule over rows.

    ``queries``: where what is looked for comes from; ``rows``: how points and queries are seen (SIMILAR; Kothawade et
    al., NeurIPS 2021).
    """

    rule: Callable[[Shaped[Tensor, "Q ..."]], GreedyRule[Any]]
    queries: Targets = field(default_factory=Rare)
    rows: Rows = field(default_factory=LabelGradients)

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        ids = pool.unlabelled
        check_batch(batch_size, len(ids))
        queries = self.queries(pool, generator=generator)
        with torch.no_grad():
            rows, known = self.rows(belief, pool, ids, queries, generator=generator)
        return grown(self.rule(known), rows, ids, batch_size, generator=generator)
