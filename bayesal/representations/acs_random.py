"""Sparse approximation of a log-posterior by its values at random weights: one feature for each draw of the weights."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from jaxtyping import Float, Shaped
from torch import Generator, Tensor

from bayesal.recipe import recipe
from bayesal.representations.door import as_features, check_finite, check_noise, wide
from bayesal.representations.mapped import mapped
from bayesal.representations.posterior import shrinking
from bayesal.representations.represented import Represented
from bayesal.representations.sketch import check_dimension

Rows: TypeAlias = Callable[[Tensor], Tensor]


@dataclass(frozen=True, repr=False)
class ACSRandom:
    """Log-likelihoods plus entropies at random weights, the noise known; see :func:`acs_rf`."""

    dimension: int = 512
    noise: float | int = 1e-3

    __repr__ = recipe

    def __post_init__(self) -> None:
        check_dimension(self.dimension)
        check_noise(self.noise, zero=False)

    def __call__(self, represented: Represented, /, *, generator: Generator) -> Represented:
        represented = as_features(represented, "acs_rf")
        shrink, variance, notes = shrinking(represented.known, self.noise)
        draws = _draws(represented.rows, self.dimension, generator)

        def of(rows: Shaped[Tensor, "N D"]) -> Float[Tensor, "N P"]:
            left = shrink(rows)
            spread = left.square().sum(1, keepdim=True) / variance
            values = (left @ draws).square_().div_(variance).add_(spread).mul_(-0.5)
            return values.add_(0.5 * spread.log1p()).mul_(self.dimension**-0.5)

        return _featured(represented, of, self.dimension, notes)


def acs_rf(dimension: int = 512, noise: float | int = 1e-3) -> ACSRandom:
    """f_i(x) / √p with f_i(x) = ½ ln(1 + k_post / σ²) - ((φᵀθ_i)² + k_post) / 2σ², θ_i ~ N(0, σ²(ΦᵀΦ + σ²I)⁻¹).

    k_post = k_post(x, x) given labels at the known rows Φ: the expected log-likelihood of the label of x at weights
    θ_i, and its entropy, up to what is the same for all. ``dimension``: p draws of the weights. ``noise``: σ, a
    standard deviation. In float64, rounded to the precision of the rows; σ² is raised as in ``posterior``. Pinsler et
    al. (2019); Holzmüller et al. (2023).

    Raises ValueError for a dimension below 1, a noise that is not above 0, rows that are no features, and NaN.
    """
    return ACSRandom(dimension, noise)


@dataclass(frozen=True, repr=False)
class ACSRandomHyper:
    """Log-likelihoods at random weights, the noise learned from the labels; see :func:`acs_rf_hyper`."""

    dimension: int = 512

    __repr__ = recipe

    def __post_init__(self) -> None:
        check_dimension(self.dimension)

    def __call__(self, represented: Represented, /, *, generator: Generator) -> Represented:
        represented = as_features(represented, "acs_rf_hyper")
        shrink, variance, notes = shrinking(represented.known, 1)
        noise = _expected_noise(represented, shrink, variance)
        draws = _draws(represented.rows, self.dimension, generator)

        def of(rows: Shaped[Tensor, "N D"]) -> Float[Tensor, "N P"]:
            left = shrink(rows) * variance**-0.5
            spread = (1 + left.square().sum(1, keepdim=True)) * noise
            values = (left @ draws).square_().add_(spread).mul_(-0.5)
            return values.sub_(0.5 * math.log(2 * math.pi)).mul_(self.dimension**-0.5)

        return _featured(represented, of, self.dimension, notes)


def acs_rf_hyper(dimension: int = 512) -> ACSRandomHyper:
    """f_i(x) / √p with f_i(x) = -½ ln 2π - ½ ((φᵀθ_i)² + (b / a) (1 + φᵀΣφ)), θ_i ~ N(0, Σ), Σ = (ΦᵀΦ + I)⁻¹.

    As ``acs_rf``, but the noise is learned: of L labels y at the known rows Φ, a = 1 + L/2 and
    b = 1 + ½ (yᵀy - mᵀ(ΦᵀΦ + I) m), m = ΣΦᵀy, are the posterior of an inverse gamma (1, 1) noise. ``dimension``: p
    draws of the weights. Needs ``labels`` of the known points, one amount each. Pinsler et al. (2019); Holzmüller et
    al. (2023).

    Raises ValueError for a dimension below 1, rows that are no features, labels that are missing or no amounts, NaN.
    """
    return ACSRandomHyper(dimension)


def _draws(rows: Shaped[Tensor, "N D"], dimension: int, generator: Generator) -> Float[Tensor, "D P"]:
    return torch.randn(rows.shape[1], dimension, generator=generator, dtype=torch.float64).to(rows.device)


def _featured(represented: Represented, of: Rows, dimension: int, notes: tuple[str, ...]) -> Represented:
    dtype = wide(represented.rows.dtype)
    return replace(
        represented,
        known=mapped(represented.known, of, dimension, dtype),
        rows=mapped(represented.rows, of, dimension, dtype),
        notes=represented.notes + notes,
    )


def _expected_noise(represented: Represented, shrink: Rows, variance: float) -> float:
    """b / a: one over the mean precision."""
    size = len(represented.known)
    labels = torch.zeros(0) if represented.labels is None and not size else represented.labels
    if labels is None or labels.numel() != size:
        seen = "there are none" if labels is None else f"they have the shape {tuple(labels.shape)}"
        raise ValueError(f"acs_rf_hyper needs the labels of the {size} known points, one amount each, but {seen}")
    if not labels.is_floating_point():
        raise ValueError(
            f"acs_rf_hyper needs labels that are amounts, but these are {labels.dtype}, as classes are; use acs_rf for "
            "classes, or make amounts floats"
        )
    amounts = labels.detach().reshape(size).to(represented.known.device).double()
    check_finite(amounts, "labels")
    told = shrink(represented.known) * variance**-0.5
    unexplained = float(amounts @ (amounts - told @ (amounts @ told)))
    return (1 + max(0.0, unexplained) / 2) / (1 + size / 2)  # below 0 is rounding
