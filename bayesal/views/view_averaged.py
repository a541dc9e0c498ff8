"""Scores of what a belief says of a point seen in several ways."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.distributions import Categorical, Distribution

from bayesal.data.pool import Pool
from bayesal.learning.augment import augment_for
from bayesal.networks import Standardise
from bayesal.recipe import recipe
from bayesal.types import Inputs, Look
from bayesal.views.networks import check_classes
from bayesal.views.predictive import class_log_probabilities
from bayesal.views.sampled import finite, scale_of

Change = Callable[[Tensor, Generator], Tensor]


@dataclass(frozen=True, repr=False)
class ViewAveraged:
    """Rows are scores: ``score`` of class probabilities in V views of a point, p_v = mean_k p(y | view_v(x), θ_k).

    ``score`` takes them as a distribution of batch shape (n, V), as if the views were hypotheses: so
    ``acquisitions.margin`` and ``entropy`` are those of the view-averaged probabilities p̄ = mean_v p_v, and ``bald``
    is how inconsistent the views are, H[p̄] - mean_v H[p_v], which is JS(p_A ‖ p_B) for two.

    ``augment(points, generator)`` makes a view of points on the pool's scale, by default ``learning.augment_for``
    them. One view is one change, drawn once, and the same for every point: the whole pool is seen in the same V ways,
    whatever its chunks. Raises ValueError for labels that are not one class a point, and for points that are not one
    tensor of finite numbers.
    """

    score: Callable[[Distribution], Tensor]
    num_views: int = 2
    num_hypotheses: int = 100
    augment: Change | None = None

    __repr__ = recipe

    def __post_init__(self) -> None:
        if self.num_views < 1:
            raise ValueError(f"a point must be seen in at least 1 view, but num_views is {self.num_views}")

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> Look:
        check_classes(belief, pool, "probabilities averaged over views")
        hypotheses = belief.draw(self.num_hypotheses, generator=generator)
        seeds = [int(torch.randint(2**63 - 1, (), generator=generator)) for _ in range(self.num_views)]
        scale = scale_of(pool)

        @torch.no_grad()
        def look(inputs: Inputs) -> Tensor:
            points = finite(inputs)
            change = augment_for(points) if self.augment is None else self.augment
            views = [_mean_over_hypotheses(hypotheses(seen(points, change, seed, scale))) for seed in seeds]
            return self.score(Categorical(logits=torch.stack(views, 1), validate_args=False))  # scores check

        return look


def seen(points: Tensor, change: Change, seed: int, scale: Standardise) -> Tensor:
    """The points, each after the same change: one at a time, because a change of several is one of each."""
    if not len(points):
        return points
    standard = scale(points).to(points.dtype)
    changed = [change(standard[i : i + 1], Generator().manual_seed(seed)) for i in range(len(points))]
    return (torch.cat(changed) * scale.scale + scale.mean).to(points.dtype)


def _mean_over_hypotheses(predictions: Distribution) -> Float[Tensor, "n C"]:
    logs = class_log_probabilities(predictions)
    return torch.logsumexp(logs.to(torch.promote_types(logs.dtype, torch.float32)), 1) - math.log(logs.shape[1])
