"""The ranking loss of a loss module: which of two points is harder, not how hard it is."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

TIES = ("masked", "released")


def ranking_loss(
    predicted: Float[Tensor, "B"], losses: Float[Tensor, "B"], *, margin: float | int = 1.0, ties: str = "masked"
) -> Float[Tensor, ""]:
    """mean over pairs (i, j) of max(0, ξ - s (l̂_i - l̂_j)), s = 1 if l_i > l_j, else -1 (Yoo and Kweon, CVPR 2019).

    ``predicted`` l̂, ``losses`` l: of the points of one batch, of which point i is paired with point B - 1 - i; of an
    odd number the last is left out. ``margin`` ξ. Adding a constant to every l̂ changes nothing, and no gradient goes
    through the true losses. ``ties``: pairs of equal losses are left out of the mean ("masked"), or count as
    l_i < l_j ("released", as in the common code). Without any pair left it is 0.
    Raises ValueError for a margin that is not positive, and for another ``ties``.
    """
    check_ranking(margin, ties)
    half = len(predicted) // 2
    last = 2 * half - torch.arange(1, half + 1, device=predicted.device)
    above = losses.detach()[:half] > losses.detach()[last]
    counts = above | (losses.detach()[:half] < losses.detach()[last]) if ties == "masked" else torch.ones_like(above)
    signs = torch.where(above, 1.0, -1.0).to(predicted.dtype)
    hinges = (margin - signs * (predicted[:half] - predicted[last])).clamp(min=0)
    return (hinges * counts).sum() / counts.sum().clamp(min=1)


def check_ranking(margin: float | int, ties: str) -> None:
    """Raises ValueError for settings that ``ranking_loss`` does not take."""
    if not 0 < margin < math.inf:
        raise ValueError(f"the margin must be a positive number, but it is {margin}")
    if ties not in TIES:
        raise ValueError(f"ties must be one of {', '.join(TIES)}, but it is {ties!r}")
