"""How far to trust a network's own standard deviations: their factor c, and the noise of labels beside them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from jaxtyping import Float
from scipy.optimize import minimize_scalar
from torch import Tensor

from bayesal.networks.nomu import Readout

SMALLEST_C, LARGEST_C = 1e-3, 1e3
SMALLEST = torch.logspace(math.log10(0.005), math.log10(0.8), 8).tolist()
LARGEST = torch.logspace(math.log10(0.8), math.log10(10.0), 6).tolist()
SHARES = 200  # shares of noise that are tried
LEAST_NOISE, MOST_NOISE = 0.01, 0.99  # of the mean variance, where noise is estimated
"""All noise would make c 0, and no point better known than another; without any, a hundred hypotheses are too few to
stand for the density of a label."""


@dataclass(frozen=True)
class Calibration:
    """σ = c · readout(r̂) beside label noise of this variance; ``nlpd``: the mean negative log density."""

    c: float
    noise: float
    readout: Readout
    nlpd: float


def calibrate(
    residuals: Float[Tensor, "V"],
    raw: Float[Tensor, "V"],
    readouts: Sequence[Readout],
    *,
    c: float | None = None,
    noise: float | None = None,
) -> Calibration:
    """The c, readout and noise variance of the largest density of the residuals y - f̂ of points not trained on.

    Without noise (0), c² = mean((y - f̂)² / σ̂²); with a known one, by search; with None, both: for every share w of
    noise in the variance t ((1 - w) σ̂² / mean σ̂² + w), t = mean((y - f̂)² / (...)) is the best, and w is tried on a
    grid. c is never below 0.001: at 0 the density of a perfect guess would have no bound.
    Raises ValueError without points, for a noise below 0, and for residuals that are not finite.
    """
    if len(residuals) == 0:
        raise ValueError("there are no points to calibrate with; give at least one validation point")
    if not (residuals.isfinite().all() and raw.isfinite().all()):
        raise ValueError("calibration needs finite residuals and uncertainties; look at the network's outputs")
    if noise is not None and not noise >= 0:
        raise ValueError(f"the noise is a variance, at least 0, but it is {noise}")
    squares = residuals.double().square()
    found = []
    for readout in readouts:
        variances = readout(raw.double()).square()
        factor, level = _best(squares, variances, c, noise)
        found.append(Calibration(factor, level, readout, _nlpd(squares, factor**2 * variances + level)))
    return min(found, key=lambda one: one.nlpd)


def readouts(*, piecewise: bool = False) -> list[Readout]:
    """Readouts with ℓ_min from 0.005 to 0.8 and ℓ_max from 0.8 to 10: what NOMU's authors choose from for tables."""
    pairs = product(SMALLEST, LARGEST)
    return [Readout(small, large, piecewise=piecewise) for small, large in pairs if small < large]


def best_c(squares: Float[Tensor, "V"], variances: Float[Tensor, "V"]) -> float:
    """c = √mean((y - f̂)² / σ̂²), the maximum of the density Π N(y; f̂, c² σ̂²), but at least 0.001."""
    return max(SMALLEST_C, math.sqrt((squares / variances).mean().item()))


def c_of_width(sd: Float[Tensor, "N"], width: float) -> float:
    """The c whose bands mean ± c · sd are as wide as this on average: the rule for Bayesian optimisation."""
    return width / (2 * sd.double().mean().item())


def _best(squares: Tensor, variances: Tensor, c: float | None, noise: float | None) -> tuple[float, float]:
    """What of c and the noise is given, and the best of the rest."""
    if c is not None and noise is not None:
        return c, noise
    if c is not None:
        known = c**2 * variances
        ceiling = max(squares.mean().item(), SMALLEST_C**2)
        level = _searched(lambda log: _nlpd(squares, known + math.exp(log)), ceiling * 1e-8, ceiling * 2)
        return c, level
    if noise == 0:
        return best_c(squares, variances), 0.0
    if noise is not None:
        return _searched(
            lambda log: _nlpd(squares, math.exp(2 * log) * variances + noise), SMALLEST_C, LARGEST_C
        ), noise
    shares = torch.linspace(LEAST_NOISE, MOST_NOISE, SHARES, dtype=torch.float64, device=squares.device)[:, None]
    mean = variances.mean()
    shapes = (1 - shares) * variances / mean + shares  # a row a share
    totals = (squares / shapes).mean(1)
    best = int((totals.log() + shapes.log().mean(1)).argmin())
    total, share = totals[best].item(), shares[best].item()
    return max(SMALLEST_C, math.sqrt(total * (1 - share) / mean.item())), total * share


def _searched(cost: Callable[[float], float], low: float, high: float) -> float:
    found = minimize_scalar(cost, bounds=(math.log(low), math.log(high)), method="bounded", options={"xatol": 1e-6})
    return math.exp(float(found.x))


def _nlpd(squares: Tensor, variances: Tensor) -> float:
    """Also in ``bands.nlpd``; here of squared residuals."""
    return ((variances.log() + squares / variances).mean().item() + math.log(2 * math.pi)) / 2
