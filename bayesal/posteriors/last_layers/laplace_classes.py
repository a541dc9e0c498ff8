"""Where the Laplace approximation of a head of classes is centred, how wide it is, and whether it holds there."""

import math
import warnings
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from bayesal.learning.losses import BinaryCrossEntropy, CrossEntropy, Loss
from bayesal.posteriors.last_layers.curvature import Precise, Structure
from bayesal.posteriors.last_layers.evidence import peak
from bayesal.posteriors.last_layers.map_head import map_weights


@dataclass(frozen=True, eq=False)
class ClassBelief:
    """How the belief about a head of classes depends on the precision of its prior.

    ``noise``: standard normal numbers ``K C D``, the same for every precision, that its expectations are taken with.
    """

    rows: Float[Tensor, "L D"]
    targets: Tensor
    loss: CrossEntropy | BinaryCrossEntropy
    structure: Structure
    noise: Float[Tensor, "K C D"]
    refine: bool

    def at(self, precision: float, start: Float[Tensor, "C D"]) -> tuple[Float[Tensor, "C D"], Precise]:
        """The centre, refined from ``start`` if so wished, and the root."""
        if self.refine and len(self.rows):
            start = map_weights(start, self.rows, self.targets, self.loss, precision)
        return start, self.structure(self.rows, curvature(self.rows @ start.mT, self.loss), precision)

    def best_precision(self, start: Float[Tensor, "C D"], *, laplace: bool = False) -> float:
        """That with the largest bound of the evidence, or with the largest Laplace approximation of it."""
        if not len(self.rows):
            return 1.0
        weights = start

        def score(log_precision: float) -> float:
            nonlocal weights  # the centre for one prior is close to that for the next
            weights, root = self.at(math.exp(log_precision), weights)
            return (self.laplace_evidence if laplace else self.bound)(math.exp(log_precision), weights, root)

        return math.exp(peak(score))

    def bound(self, precision: float, weights: Float[Tensor, "C D"], root: Precise) -> float:
        """E[log p(labels | W)] - KL(belief ‖ prior), never above the log evidence but for the noise of drawing."""
        drawn = weights + root.deviations(self.noise)
        outputs = torch.einsum("ld,kcd->klc", self.rows, drawn).flatten(0, 1)
        targets = self.targets.repeat(len(drawn), *[1] * (self.targets.ndim - 1))
        losses = self.loss(outputs, targets).sum() / len(drawn)
        size = weights.numel()
        divergence = (precision * drawn.square().sum() / len(drawn) - size * (1 + math.log(precision))) / 2
        return -float(losses + divergence) - root.log_determinant / 2

    def laplace_evidence(self, precision: float, weights: Float[Tensor, "C D"], root: Precise) -> float:
        """log p(labels | W) - Δ/2 ‖W‖² + P/2 log Δ - ½ log|H + Δ I| at the centre (MacKay, 1992)."""
        fit = -float(self.loss(self.rows @ weights.mT, self.targets).sum())
        prior = weights.numel() * math.log(precision) - precision * float(weights.square().sum())
        return fit + (prior - root.log_determinant) / 2


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
