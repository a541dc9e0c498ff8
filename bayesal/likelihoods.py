"""Network outputs to the label's distribution. Outputs are points first: ``N K C`` (``N K`` batch, C per point)."""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal
from torch.nn.functional import softplus

Likelihood: TypeAlias = Callable[[Tensor], Distribution]

SMALLEST_VARIANCE = 1e-6


def categorical(outputs: Tensor) -> Distribution:
    """Logits (or log-probabilities) ``N K C`` to ``Categorical``. Probabilities are not logits: take their log."""
    return Categorical(logits=outputs, validate_args=False)


def bernoulli(outputs: Tensor) -> Distribution:
    """Logits ``N K C`` of C labels that may hold together, to ``Independent(Bernoulli, 1)``."""
    return Independent(Bernoulli(logits=outputs, validate_args=False), 1, validate_args=False)


def gaussian(outputs: Tensor) -> Distribution:
    """Mean and raw scale ``N K 2`` to ``Normal(N K)`` with variance softplus(raw) + 1e-6 (Lakshminarayanan 2017)."""
    if outputs.shape[-1] != 2:
        raise ValueError(
            f"the gaussian likelihood needs two outputs a point (mean, raw scale), but it got {outputs.shape[-1]}"
        )
    mean, raw = outputs.unbind(-1)
    return Normal(mean, (softplus(raw) + SMALLEST_VARIANCE).sqrt(), validate_args=False)


def gaussian_with_noise(noise: float) -> Likelihood:
    """Means ``N K 1`` or ``N K C`` with a known noise standard deviation, to ``Normal(N K)`` or ``Independent``."""
    if not noise > 0:
        raise ValueError(f"the noise standard deviation must be positive, but it is {noise}")

    return partial(_around, noise=noise)  # no closure: hypotheses are sent to worker processes


def _around(outputs: Tensor, noise: float) -> Distribution:
    if outputs.shape[-1] == 1:
        return Normal(outputs.squeeze(-1), noise, validate_args=False)
    return Independent(Normal(outputs, noise, validate_args=False), 1, validate_args=False)


def dense_categorical(outputs: Tensor) -> Distribution:
    """Per-pixel logits ``N K C H W`` (a network's own order) to ``Independent(Categorical(N K H W C), 2)``."""
    return Independent(
        Categorical(logits=outputs.movedim(2, -1), validate_args=False), outputs.ndim - 3, validate_args=False
    )
