"""Causal-BALD: whose outcome to measure, to learn the effect of a treatment from data where others chose who got it.

Jesson, Tigas, van Amersfoort, Kirsch, Shalit and Gal, NeurIPS 2021. Scores of N points with ``treatment`` t (1 treated,
0 control), from what K hypotheses expect of both outcomes: μ_0 without and μ_1 with the treatment, ``N K`` each. All
are natural logarithms of population variances over the hypotheses, plus 1e-7 of the outcome's unit squared, so that
sampling in proportion to exp(score / temperature) is ``softmax(scores, batch_size, coldness=1 / temperature)``.

Variances of a single hypothesis are 0, with a UserWarning. All raise ValueError for shapes that differ, for NaN, and
for treatments other than 0 and 1.
"""

import warnings

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from bayesal.numerics.moments import variance_over_hypotheses

SMALLEST_VARIANCE = 1e-7  # as in the authors' program


def mu_bald(mu0: Float[Tensor, "N K"], mu1: Float[Tensor, "N K"], treatment: Shaped[Tensor, "N"]) -> Float[Tensor, "N"]:
    """ln var_k μ_t: the outcome that would be measured is uncertain."""
    treated = _treated(mu0, mu1, treatment)
    return _log_variance(torch.where(treated, mu1, mu0))


def tau_bald(
    mu0: Float[Tensor, "N K"], mu1: Float[Tensor, "N K"], treatment: Shaped[Tensor, "N"]
) -> Float[Tensor, "N"]:
    """ln var_k (μ_1 - μ_0): the effect is uncertain, whether or not this outcome can tell; the treatment is ignored."""
    _treated(mu0, mu1, treatment)
    return _log_variance(mu1 - mu0)


def rho_bald(
    mu0: Float[Tensor, "N K"], mu1: Float[Tensor, "N K"], treatment: Shaped[Tensor, "N"]
) -> Float[Tensor, "N"]:
    """ln var_k (μ_1 - μ_0) - ln var_k μ_{1-t}: the effect is uncertain, and not because of the outcome never seen."""
    return tau_bald(mu0, mu1, treatment) - _log_variance(torch.where(_treated(mu0, mu1, treatment), mu0, mu1))


def mu_rho_bald(
    mu0: Float[Tensor, "N K"], mu1: Float[Tensor, "N K"], treatment: Shaped[Tensor, "N"]
) -> Float[Tensor, "N"]:
    """:func:`mu_bald` + :func:`rho_bald`, the paper's choice: informative, and where both treatments are known of."""
    return mu_bald(mu0, mu1, treatment) + rho_bald(mu0, mu1, treatment)


def propensity_score(propensity: Float[Tensor, "N"], treatment: Shaped[Tensor, "N"]) -> Float[Tensor, "N"]:
    """ln P(the other treatment | x) = ln (t (1 - π) + (1 - t) π) with π = P(treated | x): whom others treat otherwise.

    At most 0, and -inf where the other treatment never happens. Raises ValueError for a π outside of [0, 1].
    """
    treated = _binary(treatment, propensity.shape)
    outside = ~((propensity >= 0) & (propensity <= 1))
    if bool(outside.any()):
        point = int(outside.nonzero()[0])
        raise ValueError(f"the propensity of point {point} must be from 0 to 1, but it is {float(propensity[point])}")
    return torch.where(treated, 1 - propensity, propensity).log()


def _treated(mu0: Tensor, mu1: Tensor, treatment: Tensor) -> Tensor:
    """Who is treated, ``N 1``, once everything is checked."""
    if mu0.shape != mu1.shape:
        raise ValueError(
            f"both outcomes need the same points and hypotheses, but the shapes are {tuple(mu0.shape)} and "
            f"{tuple(mu1.shape)}; ask the same hypotheses"
        )
    bad = ~(mu0.isfinite() & mu1.isfinite()).all(dim=1)
    if bool(bad.any()):
        raise ValueError(f"an outcome of point {int(bad.nonzero()[0])} is not a number; check what the model predicts")
    if mu0.shape[1] < 2:
        warnings.warn(
            "the outcomes of a single hypothesis do not vary, so they cannot rank points; draw more hypotheses",
            UserWarning,
            stacklevel=3,
        )
    return _binary(treatment, mu0.shape[:1])[:, None]


def _binary(treatment: Tensor, shape: torch.Size) -> Tensor:
    if treatment.shape != shape:
        raise ValueError(
            f"there must be one treatment a point, of shape {tuple(shape)}, but the shape is {tuple(treatment.shape)}"
        )
    wrong = (treatment != 0) & (treatment != 1)
    if bool(wrong.any()):
        point = int(wrong.nonzero()[0])
        raise ValueError(f"treatments are 0 (control) or 1, but that of point {point} is {treatment[point].item()}")
    return treatment == 1


def _log_variance(outcomes: Float[Tensor, "N K"]) -> Float[Tensor, "N"]:
    variance = variance_over_hypotheses(outcomes.detach().double())
    return (variance + SMALLEST_VARIANCE).log().to(torch.promote_types(outcomes.dtype, torch.float32))
