"""The most probable weights of a linear head, on features that are computed once."""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from bayesal.learning.losses import Loss

STEPS = 500


def map_weights(
    start: Float[Tensor, "C D"],
    rows: Float[Tensor, "L D"],
    targets: Shaped[Tensor, "L ..."],
    loss: Loss,
    precision: float,
) -> Float[Tensor, "C D"]:
    """argmin_W Σ loss(W φ, target) + Δ/2 ‖W‖², by L-BFGS: a convex problem, so ``start`` only saves time."""
    weights = start.clone().requires_grad_()
    search = torch.optim.LBFGS(
        [weights],
        max_iter=STEPS,
        tolerance_grad=1e-7,
        tolerance_change=1e-11,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def objective() -> float:
        with torch.enable_grad():
            value = loss(rows @ weights.mT, targets).sum() + precision / 2 * weights.square().sum()
            (weights.grad,) = torch.autograd.grad(value, weights)
        return float(value.detach())

    search.step(objective)
    return weights.detach()
