"""A prior over the weights of a network: how wide, and which weights are uncertain at all."""

import math
from collections.abc import Collection
from dataclasses import dataclass

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from bayesal.recipe import recipe


@dataclass(frozen=True, repr=False)
class Prior:
    """Independent N(0, s²) on every weight: s = ``scale`` / √fan-in for matrices and kernels, ``scale`` for the rest.

    The fan-in (Neal, 1996) keeps a layer's outputs at one size however wide it is; ``by_fan_in=False`` gives ``scale``
    to all. ``expose``: names or types of the modules whose weights are uncertain, everything below a name included;
    None is all. ``hide``: those whose weights are not, and stay as they are; hiding comes first.
    """

    scale: float = 1.0
    by_fan_in: bool = True
    hide: tuple[str | type[nn.Module], ...] = (_BatchNorm,)
    expose: tuple[str | type[nn.Module], ...] | None = None

    __repr__ = recipe

    def scales(self, network: nn.Module) -> dict[str, float]:
        """The standard deviation of every uncertain weight, by name. Raises ValueError if nothing is uncertain."""
        if not self.scale > 0:
            raise ValueError(f"the scale of the prior must be positive, but it is {self.scale}")
        hidden = _named(network, self.hide)
        exposed = None if self.expose is None else _named(network, self.expose)
        kept = {
            name: self.scale / math.sqrt(weight[0].numel()) if self.by_fan_in and weight.ndim > 1 else self.scale
            for name, weight in network.named_parameters()
            if name not in hidden and (exposed is None or name in exposed)
        }
        if not kept:
            raise ValueError(f"the prior hides every weight of the {type(network).__name__}; expose at least one layer")
        return kept


def _named(network: nn.Module, chosen: Collection[str | type[nn.Module]]) -> set[str]:
    """The weights below the modules of these names or types."""
    found: set[str] = set()
    modules = dict(network.named_modules())
    for name in (part for part in chosen if isinstance(part, str)):
        if name not in modules:
            raise ValueError(f"the network has no module named {name!r}; it has {', '.join(filter(None, modules))}")
    for name, module in modules.items():
        if name in chosen or any(isinstance(module, kind) for kind in chosen if isinstance(kind, type)):
            found |= {f"{name}.{own}" if name else own for own, _ in module.named_parameters()}
    return found
