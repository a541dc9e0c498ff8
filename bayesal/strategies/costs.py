"""Points that cost differently to label: the score per cost, and what costs must be."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator

from bayesal.data.pool import Pool
from bayesal.recipe import by_settings
from bayesal.selection import top
from bayesal.strategies.contract import check_batch, picked
from bayesal.types import Id, Rule, Selection
from bayesal.views.view import View

BELOW_ZERO_BY_ROUNDING = -1e-6


@dataclass(frozen=True, repr=False)
class PerCost:
    """The rule picks among ``score / cost``: what a label tells for each unit it costs.

    ``costs``: the price of every point's label by id, above 0. Scores of at least 0 only: a loss would look smaller the
    more it costs. With ``Study.run(costs=)`` the budget is in the same units. Raises ValueError for costs that are
    missing or not above 0, and for scores below 0. Settles, Craven and Friedland, 2008 (return on investment).
    """

    view: View[Any]
    costs: Mapping[Any, float | int] = field(repr=False)
    rule: Rule = top

    def __repr__(self) -> str:
        told = json.dumps([[key, float(cost)] for key, cost in self.costs.items()])
        return f"{by_settings(self)[:-1]}, costs={hashlib.sha256(told.encode()).hexdigest()[:12]})"

    def __call__(self, belief: Any, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        ids = pool.unlabelled
        check_batch(batch_size, len(ids))
        check_costs(self.costs, ids.tolist())
        scores = pool.scan(self.view(belief, pool, generator=generator), ids, what="scoring the pool").double()
        if bool((scores < BELOW_ZERO_BY_ROUNDING).any()):
            raise ValueError(
                f"a score per cost needs scores of at least 0, but one is {scores.min().item():g}; choose another "
                "score, such as BALD or the margin"
            )
        costs = torch.tensor([float(self.costs[key]) for key in ids.tolist()], dtype=torch.float64)
        return picked(self.rule, scores / costs.to(scores.device), ids, batch_size, generator=generator)


def check_costs(costs: Mapping[Any, float | int], ids: Iterable[Id]) -> None:
    """Raises ValueError for the first of these points whose cost is missing, or is not a finite number above 0."""
    for key in ids:
        if key not in costs:
            raise ValueError(
                f"the costs leave out {key!r}; give every point of the pool one, in the units of the budget"
            )
        if not (math.isfinite(costs[key]) and costs[key] > 0):
            raise ValueError(f"the cost of {key!r} is {costs[key]}; a cost is a finite number above 0")
