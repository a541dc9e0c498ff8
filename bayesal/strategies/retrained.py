"""JEPIG by retraining: what labels would tell one model that a model which knows the targets would not be told."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator

from bayesal.data.pool import Pool
from bayesal.learning.distil import check_teachable, distilled
from bayesal.recipe import recipe
from bayesal.selection import RetrainedJEPIG
from bayesal.strategies.contract import check_batch, grown
from bayesal.types import Posterior, Selection
from bayesal.views.predictive import Predictions
from bayesal.views.targets import Targets


@dataclass(frozen=True, repr=False)
class Retrained:
    """I(y_S; Y_T) ≈ I₁(y_S; w) - I₂(y_S; w), greedily: model 1 is the belief; model 2 is trained by ``learner`` on what
    model 1 predicts at the labelled points and at the ``targets``, so it is as if it had seen the targets' labels.

    Kirsch, Rainforth and Gal (2021). Costs one training a round. Raises ValueError, before anything is trained, for a
    learner that cannot be taught by ``bayesal.learning.distil``.
    """

    learner: Any
    targets: Targets
    num_hypotheses: int = 100
    num_configurations: int = 10_000

    __repr__ = recipe

    def __post_init__(self) -> None:
        check_teachable(self.learner)

    def __call__(self, belief: Posterior, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        ids = pool.unlabelled
        check_batch(batch_size, len(ids))
        points = self.targets(pool, generator=generator)
        targets = points.pool.gather(points.ids)
        knowing = distilled(
            self.learner, belief, pool, targets, num_hypotheses=self.num_hypotheses, generator=generator
        )
        rows = [
            pool.scan(
                Predictions(self.num_hypotheses)(model, pool, generator=generator), ids, what="looking at the pool"
            )
            for model in (belief, knowing)
        ]
        if rows[0].shape != rows[1].shape:
            raise ValueError(
                f"the belief predicts with {rows[0].shape[1]} hypotheses and the model retrained on its predictions "
                f"with {rows[1].shape[1]}; both must have as many: use the learner that made the belief"
            )
        rule = RetrainedJEPIG(self.num_configurations)
        return grown(rule, torch.cat(rows, 1), ids, batch_size, generator=generator)
