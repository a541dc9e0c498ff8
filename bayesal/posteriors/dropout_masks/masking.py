"""Dropout calls intercepted: each gets the masks of fixed hypotheses instead of fresh ones."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from bayesal.posteriors.dropout_masks.masks import DROPOUTS, Site, read
from bayesal.posteriors.dropout_masks.pending import Pending, settled
from bayesal.posteriors.points import Points


class Masking(TorchFunctionMode):
    """One forward pass of ``num_points`` under masks: ``factors_at(position, site)`` gives those of a dropout call.

    Every kind of dropout is met here, module or function, whatever its ``training`` argument says. Calls with p = 0
    change nothing and are not counted. ``together``: the number of hypotheses this pass stands for under ``vmap``;
    then the first channel mask is left pending, where later work can be shared, and dropout in place gives a new
    tensor, because what it would overwrite is shared. None: one hypothesis alone, to the letter.
    """

    def __init__(
        self, factors_at: Callable[[int, Site], Tensor], num_points: int, *, together: int | None = None
    ) -> None:
        super().__init__()
        self.factors_at = factors_at
        self.num_points = num_points
        self.together = together
        self.sites: list[Site] = []
        self.shared_bytes = 1  # the largest value made before masks tell the hypotheses apart
        self.varying_bytes = 1  # ... and after

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in DROPOUTS:
            return self._drop(func, *read(func, *args, **kwargs))
        if func is Tensor.view and len(args) > 1 and not isinstance(args[1], torch.dtype):
            func = Tensor.reshape  # the same numbers, also where channels lie last in memory
        if func is F.adaptive_avg_pool2d and args[1:] in ((1,), ((1, 1),)) and type(args[0]) is Tensor:
            func, args = torch.mean, (args[0], (-2, -1), True)  # the same numbers, where vmap would warn of a slow way
        return self._measure(func(*args, **kwargs))

    def _drop(self, function: Callable[..., Any], input: Tensor, p: float, in_place: bool) -> Tensor:
        if p == 0:
            return input
        values = input.settle() if isinstance(input, Pending) else input
        site = Site.of(function, values, p, self.num_points)
        factors = self.factors_at(len(self.sites), site)
        self.sites.append(site)
        first = len(self.sites) == 1  # what comes to it is the same for all hypotheses
        if self.together is not None and first and site.channelwise and not site.alpha and values.ndim == 4:
            keep = (factors != 0).to(values.dtype).flatten()
            return Pending(values * site.scale, values.new_zeros((1, *values.shape[1:])), keep, self.together)
        dropped = self._measure(site.apply(values, factors))
        return values.copy_(dropped) if in_place and self.together is None else dropped

    def _measure(self, result: Any) -> Any:
        if isinstance(result, Pending):
            self.shared_bytes = max(self.shared_bytes, result.on.nbytes)
        elif isinstance(result, Tensor) and self.sites:
            self.varying_bytes = max(self.varying_bytes, result.nbytes)
        elif isinstance(result, Tensor):
            self.shared_bytes = max(self.shared_bytes, result.nbytes)
        return result


class ChangedPattern(ValueError):
    """Dropout acted elsewhere than in the first forward pass."""


def forward(
    network: nn.Module,
    points: Points,
    sites: Sequence[Site],
    factors: Mapping[str, Tensor],
    *,
    together: int | None,
    channels_last: bool,
) -> tuple[Any, Masking]:
    """The network's output under these masks (by position), which must meet exactly these sites, and what was seen.

    Raises ChangedPattern where dropout is called more often, less often, or on other shapes.
    """

    def factors_at(position: int, site: Site) -> Tensor:
        if position >= len(sites) or sites[position] != site:
            expected = sites[position] if position < len(sites) else "no more dropout"
            raise ChangedPattern(f"dropout call {position + 1} met {site}; the first points met {expected}")
        return factors[str(position)]

    positional, named = points.arguments(channels_last=channels_last)
    with Masking(factors_at, points.count, together=together) as masking:
        output = network(*positional, **named)
    if len(masking.sites) < len(sites):
        raise ChangedPattern(f"dropout was called {len(masking.sites)} times; {len(sites)} times for the first points")
    return settled(output), masking
