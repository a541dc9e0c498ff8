"""Leaves of a circuit: I factorised densities of each leaf region, as exponential families.

A univariate log-density is an inner product, log p(x) = T(x) · η. A missing feature has T = 0, which adds nothing to
the sum over a region's features: that *is* its exact marginalisation.
"""

import math

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.nn.functional import softplus

SMALLEST_STD = 0.1


class GaussianLeaves(nn.Module):
    """Normal(μ, σ²) with σ = 0.1 + softplus(raw): T(x) = (x², x, 1). ``shape``: ``M R L F I``."""

    num_statistics = 3

    def __init__(self, shape: tuple[int, ...], *, generator: Generator, dtype: torch.dtype) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.randn(shape, generator=generator, dtype=dtype))
        self.raw = nn.Parameter(torch.full(shape, math.log(math.expm1(1 - SMALLEST_STD)), dtype=dtype))

    def statistics(self, features: Float[Tensor, "N D"]) -> Float[Tensor, "N D T"]:
        """T(x), 0 where a feature is NaN."""
        seen = ~features.isnan()
        x = features.where(seen, 0)
        return torch.stack([x.square(), x, seen.to(x.dtype)], dim=-1)

    def natural(self) -> Float[Tensor, "M R L F T I"]:
        """η = (-1/2σ², μ/σ², -μ²/2σ² - log σ - ½ log 2π)."""
        std = SMALLEST_STD + softplus(self.raw)
        precision = std.square().reciprocal()
        constant = -self.mean.square() * precision / 2 - std.log() - math.log(2 * math.pi) / 2
        return torch.stack([-precision / 2, self.mean * precision, constant], dim=-2)


class CategoricalLeaves(nn.Module):
    """Softmax over ``num_values`` values 0, 1, ... (2: Bernoulli): T(x) = one-hot(x). ``shape``: ``M R L F I``."""

    def __init__(self, shape: tuple[int, ...], *, num_values: int, generator: Generator, dtype: torch.dtype) -> None:
        super().__init__()
        *regions, leaves = shape
        self.num_statistics = num_values
        self.logits = nn.Parameter(torch.randn(*regions, num_values, leaves, generator=generator, dtype=dtype))

    def statistics(self, features: Float[Tensor, "N D"]) -> Float[Tensor, "N D T"]:
        """T(x), 0 where a feature is NaN. Raises ValueError for what is not one of the values."""
        values = torch.arange(self.logits.shape[-2], device=features.device, dtype=features.dtype)
        hot = features.unsqueeze(-1) == values
        strange = ~(hot.any(dim=-1) | features.isnan())
        if bool(strange.any()):
            raise ValueError(
                f"these leaves are about the values 0 ... {len(values) - 1} and NaN for missing, but there is a "
                f"feature of {float(features[strange][0]):g}"
            )
        return hot.to(features.dtype)

    def natural(self) -> Float[Tensor, "M R L F T I"]:
        """η = log-probabilities of the values."""
        return self.logits.log_softmax(dim=-2)
