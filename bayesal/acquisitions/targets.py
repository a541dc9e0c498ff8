"""Target points: what scores of usefulness for other predictions ask of them."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from bayesal.numerics.door import check_axes


def check_pair(predictions: Distribution, target_predictions: Distribution, name: str) -> None:
    """Both are of the same K hypotheses, one label or one vector of labels a point, and there are targets.

    Else ValueError. That the hypotheses are the same, and not only as many, is up to the caller.
    """
    for given in (predictions, target_predictions):
        check_axes(given)
        if len(given.event_shape) > 1 or len(given.batch_shape) > 2:
            raise ValueError(
                f"{name} is for points with one label or one vector of labels, but these predictions are maps of shape "
                f"{(*given.batch_shape[2:], *given.event_shape)}; give the pixels that matter to you as points of "
                "their own, or score each image by bald"
            )
    if target_predictions.batch_shape[0] == 0:
        raise ValueError(f"{name} needs at least one target point, an input whose prediction matters to you")
    k, k_target = predictions.batch_shape[1], target_predictions.batch_shape[1]
    if k != k_target:
        raise ValueError(
            f"points and targets must be predicted by the same hypotheses, but the points have {k} and the targets "
            f"{k_target}; draw hypotheses once and look at both with them"
        )


def shares(target_weights: Tensor | None, target_predictions: Distribution) -> Float[Tensor, "T"]:
    """The weights of T targets, scaled to the sum 1, in float64; even for None.

    Raises ValueError for another number of weights, weights that are negative or not finite, and only zeros.
    """
    targets = target_predictions.batch_shape[0]
    if target_weights is None:
        return torch.full((targets,), 1 / targets, dtype=torch.float64)
    weights = target_weights.detach().double()
    if weights.shape != (targets,):
        raise ValueError(f"expected one weight for each of {targets} targets, but got shape {tuple(weights.shape)}")
    total = float(weights.sum())
    if not bool((weights >= 0).all()) or not 0 < total < math.inf:
        raise ValueError(
            f"target weights must be finite, at least 0 and not all 0, but they run from {float(weights.min()):.3g} to "
            f"{float(weights.max()):.3g} with sum {total:.3g}"
        )
    return weights / total
