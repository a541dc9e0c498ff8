"""Where dropout acts in a network, and the masks that make a hypothesis."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

ALPHA = -1.7580993408473766  # what a dropped unit becomes in alpha dropout: SELU's limit for very negative inputs

CHANNELWISE = {
    F.dropout1d,
    F.dropout2d,
    F.dropout3d,
    F.feature_alpha_dropout,
    torch.feature_dropout,
    torch.feature_dropout_,
    torch.feature_alpha_dropout,
    torch.feature_alpha_dropout_,
}
ALPHAS = {
    F.alpha_dropout,
    F.feature_alpha_dropout,
    torch.alpha_dropout,
    torch.alpha_dropout_,
    torch.feature_alpha_dropout,
    torch.feature_alpha_dropout_,
}
DROPOUTS = CHANNELWISE | ALPHAS | {F.dropout, torch.dropout, torch.dropout_}
IN_PLACE = {torch.dropout_, torch.feature_dropout_, torch.alpha_dropout_, torch.feature_alpha_dropout_}


def read(
    function: Callable[..., Any],
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    train: bool = True,
) -> tuple[Tensor, float, bool]:
    """Of a call of a dropout function: the values, the probability, and whether it was to overwrite them."""
    if not 0 <= p <= 1:
        raise ValueError(f"a dropout probability must lie between 0 and 1, but one is {p}")
    return input, float(p), inplace or function in IN_PLACE


@dataclass(frozen=True)
class Site:
    """One call of a dropout function within a forward pass, on values of ``shape`` a point.

    A unit survives with probability q = 1 - p. Inverted dropout multiplies it by b / q, b ~ Bernoulli(q); alpha
    dropout gives a (x b + α' (1 - b)) + c with a = (q (1 + p α'²))^(-1/2), c = -a α' p, which keeps mean and variance
    of SELU activations (Klambauer et al., 2017). ``channelwise``: one b per channel, the first axis of ``shape``.
    At p = 1 the output is zero.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    p: float
    channelwise: bool = False
    alpha: bool = False

    def __str__(self) -> str:
        return f"{'alpha ' * self.alpha}dropout of {'channels' if self.channelwise else 'units'} of {self.shape}"

    @classmethod
    def of(cls, function: Callable[..., Any], values: Tensor, p: float, num_points: int) -> "Site":
        """The site of this call. Raises ValueError where the first axis of ``values`` is not the point."""
        unbatched = (function is F.dropout1d and values.ndim == 2) or (function is F.dropout3d and values.ndim == 4)
        if values.shape[:1] != (num_points,) or unbatched:
            raise ValueError(
                f"dropout met a tensor of shape {tuple(values.shape)} for {num_points} points; masks are shared over "
                "points, so the first axis must be the point (batch_first=True) wherever the network drops units"
            )
        return cls(tuple(values.shape[1:]), values.dtype, p, function in CHANNELWISE, function in ALPHAS)

    @property
    def mask_shape(self) -> tuple[int, ...]:
        """The shape of one mask; it spreads over ``shape``."""
        return (*self.shape[:1], *(1 for _ in self.shape[1:])) if self.channelwise else self.shape

    @property
    def scale(self) -> float:
        """What a unit that survives is multiplied by."""
        if self.p == 1:
            return 0.0
        q = 1 - self.p
        return (q * (1 + self.p * ALPHA**2)) ** -0.5 if self.alpha else 1 / q

    def apply(self, values: Tensor, factors: Tensor) -> Tensor:
        """The values after dropout; ``factors`` is the scale where units survive and 0 where they are dropped."""
        if not self.alpha or self.p == 1:
            return values * factors
        kept = (factors != 0).to(values.dtype)
        return values * factors + (self.scale * ALPHA) * ((1 - kept) - self.p)

    def factors(self, seed: int, position: int, hypotheses: Sequence[int], device: torch.device) -> Tensor:
        """The masks of these hypotheses at the ``position``-th site of a forward pass, times the scale: ``K ...``.

        The bits are a function of (seed, hypothesis, position) alone: a counter-based generator gives the same on
        every machine, device and worker, and whatever else is drawn.
        """
        survives = np.empty((len(hypotheses), *self.mask_shape), dtype=bool)
        for row, hypothesis in enumerate(hypotheses):
            bits = np.random.Philox(key=[seed, hypothesis], counter=[0, 0, 0, position])
            survives[row] = np.random.Generator(bits).random(self.mask_shape, dtype=np.float32) >= self.p
        return torch.from_numpy(survives).to(device, self.dtype) * self.scale
