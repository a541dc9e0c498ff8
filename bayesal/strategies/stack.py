"""Several views of the same points, side by side."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.strategies.contract import check_batch, named
from bayesal.types import Inputs, Rule, ScoredRule, Selection
from bayesal.views.view import View


@dataclass(frozen=True, repr=False)
class Stack:
    """Rows ``N V`` are the scores of V views, one column each; the rule weighs them against each other.

    A pick's score is what the rule says of its row (``ScoredRule``), else the score of the first view. Views look at
    the pool together, chunk by chunk; what their looks have to say (``notes``) is in the notes of the batch.
    Raises ValueError for no views, and for a view that gives more than one number a point.
    """

    views: tuple[View[Any], ...]
    rule: Rule

    __repr__ = recipe

    def __post_init__(self) -> None:
        if not self.views:
            raise ValueError("Stack needs at least one view to see the points by")

    def __call__(self, belief: Any, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        ids = pool.unlabelled
        check_batch(batch_size, len(ids))
        looks = [view(belief, pool, generator=generator) for view in self.views]

        def look(inputs: Inputs) -> Float[Tensor, "N V"]:
            return torch.stack([_one_score(seen(inputs)) for seen in looks], 1)

        rows = pool.scan(look, ids, what="scoring the pool")
        positions = self.rule(rows, batch_size, generator=generator)
        scores = self.rule.scores(rows) if isinstance(self.rule, ScoredRule) else rows[:, 0]
        notes = tuple(note for seen in looks for note in getattr(seen, "notes", ()))
        chosen = scores[positions]
        return named(Selection(positions.tolist(), chosen, chosen, positions, notes), ids)


def _one_score(seen: Tensor) -> Float[Tensor, "N"]:
    if seen.ndim != 1:
        raise ValueError(f"Stack puts scores side by side, but a view gave rows of the shape {tuple(seen.shape[1:])}")
    return seen.double()
