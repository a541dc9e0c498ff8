"""Batches by what a network trained with Barlow Twins makes of several views of a point."""

from collections.abc import Callable
from typing import Any

from torch import Generator, Tensor

from bayesal import acquisitions, selection
from bayesal.methods.kernels import coreset
from bayesal.strategies import Pick, Shortlisted, Strategy
from bayesal.views import ViewAveraged

SCORES = {"margin": acquisitions.margin, "entropy": acquisitions.entropy, "inconsistency": acquisitions.bald}


def dalbt(
    score: str | None = "margin",
    times: float | int | None = 10,
    num_views: int = 2,
    num_hypotheses: int = 100,
    augment: Callable[[Tensor, Generator], Tensor] | None = None,
) -> Strategy[Any]:
    """DALBT-style: unsure in several views of a point, then far apart in features trained with Barlow Twins.

    The paper leaves its selection rule open, so this one is ours: the ``times`` times the batch with the smallest
    "margin" (or the largest "entropy") of probabilities averaged over ``num_views`` views, or the largest
    "inconsistency" of the views, JS(p_A ‖ p_B); among those the points farthest from all labelled and chosen ones.
    ``times`` None: no second step; ``score`` None: no first one. ``augment(points, generator)`` makes a view of points
    on the pool's scale.

    Tasks: classification. Needs: Embeds (barlow-twins) or (mc-dropout). Paper: Mandivarapu et al. 2022.
    """
    if score is None:
        return coreset()
    if score not in SCORES:
        raise ValueError(f"there is no score {score!r}; there are {', '.join(SCORES)}, or None for features alone")
    unsure = Pick(ViewAveraged(SCORES[score], num_views, num_hypotheses, augment), selection.top)
    return unsure if times is None else Shortlisted(unsure, times, coreset())
