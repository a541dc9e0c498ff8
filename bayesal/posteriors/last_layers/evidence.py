"""Tuning by the evidence: the prior precision Δ and the noise σ² under which the labels are most probable."""

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import minimize
from torch import Tensor

LOG_PRECISION = (-4.0, 6.0)  # where log Δ is looked for
LOG_NOISE = (math.log(1e-4), math.log(4.0))  # and log σ², for standardised labels


def peak(evidence: Callable[[float], float], bounds: tuple[float, float] = LOG_PRECISION) -> float:
    """Where a smooth function is largest: steps of about 1, then the vertex of the parabola through the best three."""
    grid = np.linspace(*bounds, max(3, round(bounds[1] - bounds[0]) + 1))
    values = [evidence(float(at)) for at in grid]
    best = int(np.argmax(values))
    if best in (0, len(grid) - 1):
        return float(grid[best])
    left, middle, right = values[best - 1 : best + 2]
    bend = 2 * middle - left - right
    return float(grid[best] + (grid[1] - grid[0]) * (right - left) / (2 * bend)) if bend > 0 else float(grid[best])


def check_positive(**settings: float | None) -> None:
    """Raises ValueError, by name, for a number that is not positive and finite; None is one that is to be tuned."""
    for name, value in settings.items():
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"{name} must be positive and finite, but it is {value}")


def tuned(
    evidence: Callable[[Tensor, Tensor], Tensor],
    *,
    precision: float | None,
    noise: float | None,
    least_noise: float = 0.0,
) -> tuple[float, float]:
    """``(Δ, σ²)`` with the largest ``evidence(log Δ, log σ²)``, a function that broadcasts and can be differentiated.

    What is given stays as it is; raises ValueError if it is not positive. The best point of a grid starts a
    quasi-Newton search within the bounds; σ² that is tuned is at least ``least_noise``.
    """
    check_positive(precision=precision, noise=noise)
    least = min(max(LOG_NOISE[0], math.log(least_noise) if least_noise else -math.inf), LOG_NOISE[1])
    bounds = [_bounds(precision, LOG_PRECISION), _bounds(noise, (least, LOG_NOISE[1]))]
    first, second = (torch.linspace(low, high, 21 if low < high else 1, dtype=torch.float64) for low, high in bounds)
    with torch.no_grad():
        best = int(evidence(first[:, None], second[None]).argmax())
    start = [float(first[best // len(second)]), float(second[best % len(second)])]

    def objective(at: np.ndarray) -> tuple[float, np.ndarray]:
        logs = torch.tensor(at, dtype=torch.float64, requires_grad=True)
        with torch.enable_grad():
            value = -evidence(logs[0], logs[1])
            (slope,) = torch.autograd.grad(value, logs)
        return float(value.detach()), slope.numpy()

    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return precision or math.exp(found[0]), noise or math.exp(found[1])


def _bounds(given: float | None, bounds: tuple[float, float]) -> tuple[float, float]:
    return bounds if given is None else (math.log(given), math.log(given))


def linear_evidence(rows: Float[Tensor, "L D"], targets: Float[Tensor, "L"]) -> Callable[[Tensor, Tensor], Tensor]:
    """(log Δ, log σ²) ↦ log N(targets; 0, σ² I + rows rowsᵀ / Δ), exactly; one singular value decomposition."""
    left, singular, _ = torch.linalg.svd(rows, full_matrices=False)
    along = left.mT @ targets
    beside = (targets.square().sum() - along.square().sum()).clamp_min(0)
    free = len(targets) - len(along)

    def evidence(log_precision: Tensor, log_noise: Tensor) -> Tensor:
        noise = log_noise.exp()
        spread = noise[..., None] + singular.square() * (-log_precision).exp()[..., None]
        fit = (along.square() / spread).sum(-1) + beside / noise
        return -(fit + spread.log().sum(-1) + free * log_noise + len(targets) * math.log(2 * math.pi)) / 2

    return evidence


def laplace_evidence(
    rows: Float[Tensor, "L D"], targets: Float[Tensor, "L"], weights: Float[Tensor, "D"]
) -> Callable[[Tensor, Tensor], Tensor]:
    """(log Δ, log σ²) ↦ the Laplace approximation of the same around weights that stay where they are."""
    squares = (targets - rows @ weights).square().sum()
    singular = torch.linalg.svdvals(rows)
    free = rows.shape[1] - len(singular)

    def evidence(log_precision: Tensor, log_noise: Tensor) -> Tensor:
        precision, noise = log_precision.exp(), log_noise.exp()
        likelihood = -(squares / noise + len(targets) * (log_noise + math.log(2 * math.pi))) / 2
        curvature = singular.square() / noise[..., None] + precision[..., None]
        shrunk = rows.shape[1] * log_precision - curvature.log().sum(-1) - free * log_precision
        return likelihood - precision * weights.square().sum() / 2 + shrunk / 2

    return evidence
