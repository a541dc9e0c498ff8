"""Where the Laplace approximation of a head of classes is centred, how wide it is, and whether it holds there."""

import math
import warnings

import torch
from jaxtyping import Float
from torch import Tensor

from bayesal.learning.losses import BinaryCrossEntropy, CrossEntropy, Loss
from bayesal.posteriors.curvature import Precise, Structure
from bayesal.posteriors.evidence import peak
from bayesal.posteriors.map_head import map_weights


def class_belief(
    start: Float[Tensor, "C D"],
    rows: Float[Tensor, "L D"],
    targets: Tensor,
    loss: CrossEntropy | BinaryCrossEntropy,
    structure: Structure,
    precision: float | None,
    refine: bool,
) -> tuple[Float[Tensor, "C D"], Precise]:
    """The centre and the root of the belief: refined from ``start`` if so wished, with the most probable precision
    unless one is given."""
    weights = start

    def at(precision: float) -> tuple[Tensor, Precise]:
        nonlocal weights  # the head for one prior is close to that for the next
        if refine and len(rows):
            weights = map_weights(weights, rows, targets, loss, precision)
        return weights, structure(rows, curvature(rows @ weights.mT, loss), precision)

    def evidence(log_precision: float) -> float:
        weights, root = at(math.exp(log_precision))
        fit = -float(loss(rows @ weights.mT, targets).sum())
        prior = (weights.numel() * log_precision - math.exp(log_precision) * float(weights.square().sum())) / 2
        return fit + prior - root.log_determinant / 2

    if precision is None:
        precision = math.exp(peak(evidence)) if len(rows) else 1.0
    found, root = at(precision)
    if not refine:
        check_stationary(found, rows, targets, loss, precision, root)
    return found, root


def curvature(logits: Float[Tensor, "L C"], loss: CrossEntropy | BinaryCrossEntropy) -> Float[Tensor, "L C ..."]:
    """The second derivative of each point's loss in its outputs: diag(p) - p pᵀ, or p (1 - p) for each label."""
    if isinstance(loss, CrossEntropy):
        p = logits.softmax(-1)
        return p.diag_embed() - p[:, :, None] * p[:, None]
    p = logits.sigmoid()
    return p * (1 - p)


def check_stationary(
    weights: Float[Tensor, "C D"],
    rows: Float[Tensor, "L D"],
    targets: Tensor,
    loss: Loss,
    precision: float,
    root: Precise,
) -> None:
    """Warn if a Newton step is longer than the belief is wide: √P, in its own standard deviations."""
    with torch.enable_grad():
        at = weights.clone().requires_grad_()
        (slope,) = torch.autograd.grad(loss(rows @ at.mT, targets).sum() + precision / 2 * at.square().sum(), at)
    step = float(root.project(slope[None]).norm())
    if step > weights.numel() ** 0.5:
        warnings.warn(
            f"the head is not near the most probable one: {step:.3g} standard deviations away, where "
            f"{weights.numel() ** 0.5:.3g} are usual for {weights.numel()} weights; take refine=True",
            stacklevel=4,
        )
