"""From values of a Gaussian process to the label's distribution, in the labels' own units."""

from dataclasses import dataclass
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent, Normal
from torch.special import log_ndtr


@dataclass(frozen=True)
class Amounts:
    """Labels Normal(shift + unit·f, unit²·noise): ``noise`` is the variance of a standardised label."""

    noise: float
    shift: float = 0.0
    unit: float = 1.0

    def __call__(self, values: Float[Tensor, "N K C"]) -> Distribution:
        normal = Normal(self.shift + self.unit * values, self.unit * self.noise**0.5, validate_args=False)
        if values.shape[-1] == 1:
            return Normal(normal.loc.squeeze(-1), normal.scale.squeeze(-1), validate_args=False)
        return Independent(normal, 1, validate_args=False)


@dataclass(frozen=True, eq=False)
class Softmax:
    """Classes with logits f, or W f."""

    weights: Float[Tensor, "C F"] | None = None

    def __call__(self, values: Float[Tensor, "N K F"]) -> Categorical:
        logits = values if self.weights is None else values @ self.weights.mT.to(values)
        return Categorical(logits=logits, validate_args=False)


@dataclass(frozen=True)
class Probit:
    """Two classes, the second with probability Φ(f), as in GPyTorch's ``BernoulliLikelihood``."""

    def __call__(self, values: Float[Tensor, "N K 1"]) -> Categorical:
        return Categorical(logits=torch.cat([log_ndtr(-values), log_ndtr(values)], -1), validate_args=False)


Labels: TypeAlias = Amounts | Softmax | Probit
