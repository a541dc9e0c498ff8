"""Adversaries that tell labelled points from others: in VAAL by the code of an autoencoder, in WAAL by features.

Means over no points are 0: where nothing is unlabelled there is nothing to tell apart.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

REDUCTIONS = ("sum", "mean", "released")


def kl(mean: Float[Tensor, "N Z"], log_variance: Float[Tensor, "N Z"]) -> Float[Tensor, "N"]:
    """KL(N(μ, diag σ²) ‖ N(0, I)) = ½ Σ_z (μ² + σ² - 1 - ln σ²) of every point, in nats (Kingma and Welling, 2014)."""
    return (mean.square() + log_variance.expm1() - log_variance).sum(dim=1) / 2


def vae_loss(
    reconstructed: Float[Tensor, "N ..."],
    points: Float[Tensor, "N ..."],
    mean: Float[Tensor, "N Z"],
    log_variance: Float[Tensor, "N Z"],
    *,
    beta: float | int = 1.0,
    reduction: str = "sum",
) -> Float[Tensor, "N"]:
    """‖x̂ - x‖² + β KL of every point of a β-VAE (Higgins et al., 2017).

    ``reduction``, the same for both terms: their "sum" over the numbers in a point and over the Z of its code, or
    their "mean". "released" is what VAAL's code has: the mean of the first and the sum of the second, **times N**, for
    it sums the divergence over the whole batch; so β = 1 there is a weight of N Z.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction must be one of {', '.join(REDUCTIONS)}, but it is {reduction!r}")
    errors = (reconstructed - points).square().flatten(1)
    divergence = kl(mean, log_variance)
    match reduction:
        case "sum":
            return errors.sum(dim=1) + beta * divergence
        case "mean":
            return errors.mean(dim=1) + beta * divergence / mean.shape[1]
        case _:
            return errors.mean(dim=1) + beta * len(mean) * divergence


def discriminator_loss(labelled: Float[Tensor, "L"], unlabelled: Float[Tensor, "U"]) -> Float[Tensor, ""]:
    """BCE(D(μ_l), 1) + BCE(D(μ_u), 0), from logits: labelled points are 1 (Sinha et al., 2019)."""
    return _mean(F.softplus(-labelled)) + _mean(F.softplus(unlabelled))


def fooling_loss(labelled: Float[Tensor, "L"], unlabelled: Float[Tensor, "U"]) -> Float[Tensor, ""]:
    """BCE(D(μ_l), 1) + BCE(D(μ_u), 1), from logits: the code is to make all points look labelled."""
    return _mean(F.softplus(-labelled)) + _mean(F.softplus(-unlabelled))


def critic_difference(
    unlabelled: Float[Tensor, "U"], labelled: Float[Tensor, "L"], *, gamma: float | int = 1.0
) -> Float[Tensor, ""]:
    """E_U D - γ E_L D, from the critic's values: features are trained to lower it, the critic to raise it.

    With γ = 1 and a critic of slope at most 1 its largest value is the Wasserstein-1 distance between the two sets.
    """
    return _mean(unlabelled) - gamma * _mean(labelled)


def between(
    unlabelled: Float[Tensor, "U D"], labelled: Float[Tensor, "L D"], shares: Float[Tensor, "M"]
) -> Float[Tensor, "M D"]:
    """u + t (l - u) for the first M = min(U, L) rows of each and a share t in [0, 1] each."""
    count = len(shares)
    return unlabelled[:count] + shares[:, None] * (labelled[:count] - unlabelled[:count])


def gradient_penalty(critic: Callable[[Tensor], Tensor], points: Float[Tensor, "N D"]) -> Float[Tensor, ""]:
    """E (‖∇D(x)‖₂ - 1)² at these points (Gulrajani et al., 2017): the critic's loss **adds** a multiple of it.

    ``critic`` maps ``N D`` to N values, each from its own row. The result can be differentiated by the critic's
    weights; where D does not vary it is 1 and has the gradient 0.
    """
    at = points.detach().requires_grad_()
    with torch.enable_grad():
        (slopes,) = torch.autograd.grad(critic(at).sum(), at, create_graph=True)
        squares = slopes.square().sum(dim=1)
        lengths = torch.where(squares > 0, squares, 1).sqrt() * (squares > 0)
        return _mean((lengths - 1).square())


def label_bound(log_probabilities: Float[Tensor, "N C"]) -> Float[Tensor, "N"]:
    """½ ‖ln p‖₂ + ½ Σ_c (-ln p_c), a bound on the loss of an unknown label, least where p is flat (Shui et al., 2020).

    Takes ln p as ``log_softmax`` gives it, which is finite, so that nothing has to be clamped.
    """
    return log_probabilities.norm(dim=1) / 2 - log_probabilities.sum(dim=1) / 2


def waal_score(
    log_probabilities: Float[Tensor, "N C"], critic: Float[Tensor, "N"], *, weight: float | int = 10.0
) -> Float[Tensor, "N"]:
    """½ ‖ln p‖₂ + ½ Σ_c (-ln p_c) - ``weight`` · D(x) (Shui et al., 2020): the points with the **lowest** are asked."""
    return label_bound(log_probabilities) - weight * critic


def _mean(values: Float[Tensor, "N"]) -> Float[Tensor, ""]:
    return values.sum() / max(1, len(values))
