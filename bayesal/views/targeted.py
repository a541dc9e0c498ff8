"""Scores of the pool's points that depend on predictions elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.distributions import Distribution

from bayesal.data.pool import Pool
from bayesal.numerics.joined import joined
from bayesal.recipe import recipe
from bayesal.types import Inputs, Look, Posterior
from bayesal.views.targets import Targets


@dataclass(frozen=True, repr=False)
class Targeted:
    """Rows are scores: ``score(predictions, target_predictions)`` maps what the same K hypotheses say at n points and
    at the M targets to n numbers. If targets have weights they are the third argument; ``weigh`` makes weights from
    the target predictions, and raises ValueError for targets that have weights already.
    """

    score: Callable[..., Tensor]
    targets: Targets
    num_hypotheses: int = 100
    weigh: Callable[[Distribution], Tensor] | None = None

    __repr__ = recipe

    def __call__(self, belief: Posterior, pool: Pool, /, *, generator: Generator) -> Look:
        hypotheses = belief.draw(self.num_hypotheses, generator=generator)
        points = self.targets(pool, generator=generator)
        parts: list[Distribution] = []

        @torch.no_grad()
        def gather(inputs: Inputs) -> Tensor:
            parts.append(hypotheses(inputs))
            return torch.empty(parts[-1].batch_shape[0])

        points.pool.scan(gather, points.ids, what="looking at the targets")
        target_predictions = joined(parts)
        weights = points.weights
        if self.weigh is not None:
            if weights is not None:
                raise ValueError("the targets have weights already; give a class prior or weights, not both")
            weights = self.weigh(target_predictions)
        beside = (target_predictions,) if weights is None else (target_predictions, weights)

        @torch.no_grad()
        def look(inputs: Inputs) -> Tensor:
            return self.score(hypotheses(inputs), *beside)

        return look
