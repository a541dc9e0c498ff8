"""The points as a belief's networks see them at several depths, with gradients in the points."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from bayesal.data.pool import Pool
from bayesal.networks.last_layer import inputs_of, last_layer
from bayesal.networks.stages import Stage, outputs_of, stages_of
from bayesal.types import Differentiable, Inputs
from bayesal.views.features import side_by_side
from bayesal.views.networks import networks_of

ALONE = "take stages=1 without a perturbation"


@dataclass(frozen=True, eq=False)
class DeepFeatures:
    """Points in, the features ``N D`` of each of S stages out; of M networks side by side, each divided by √M."""

    networks: Sequence["Depths"]

    @classmethod
    def of(cls, belief: Any, pool: Pool, count: int) -> "DeepFeatures":
        """Up to ``count`` stages (``networks.stages_of``), averaged over places; one: what the last layer is shown.

        Raises ValueError for a belief without networks whose layers can be looked at, for networks that differ in
        their stages, for points that are not one tensor, and as ``stages_of`` and ``last_layer`` do.
        """
        one = pool.gather(pool.ids[:1])
        if not isinstance(one, Tensor):
            raise ValueError(f"stages of a network are those of points that are one tensor, but these are not; {ALONE}")
        networks = [Depths.of(network, one, count) for network in networks_of(belief, ALONE)]
        if len({len(network(one)) for network in networks}) > 1:
            raise ValueError(f"the networks of a {type(belief).__name__} differ in their stages; {ALONE}")
        return cls(networks)

    def __call__(self, inputs: Inputs, /) -> list[Tensor]:
        return [side_by_side(parts) for parts in zip(*(network(inputs) for network in self.networks), strict=True)]

    @property
    def looks_up(self) -> bool:
        """Whether points are numbers of entries of a table, which nothing lies between."""
        modules = [module for network in self.networks for module in network.module.modules()]
        return any(isinstance(module, nn.Embedding | nn.EmbeddingBag) for module in modules)


@dataclass(frozen=True, eq=False)
class Depths:
    """The stages of one network; without any, what its last layer ``head`` is shown."""

    network: Differentiable
    state: dict[str, Tensor]
    module: nn.Module
    head: str
    stages: tuple[Stage, ...] = ()

    @classmethod
    def of(cls, network: Differentiable, one: Tensor, count: int) -> "Depths":
        state = network.state
        module, given = _called(network, state, one)
        if count > 1:
            return cls(network, state, module, "", stages_of(module, given, count))
        return cls(network, state, module, last_layer(module, given))

    def __call__(self, inputs: Tensor, /) -> list[Tensor]:
        names = [stage.name for stage in self.stages]
        looking = outputs_of(self.module, names) if names else inputs_of(self.module, self.head)
        with looking as seen:
            self.network.forward(self.state, inputs)
        found = [stage.pooled(seen[stage.name]) for stage in self.stages] or [seen[self.head]]
        return [features[: len(inputs)].to(inputs.device) for features in found]


def uphill(score: Callable[[Tensor], Tensor], points: Float[Tensor, "N ..."]) -> Float[Tensor, "N ..."]:
    """sign ∇ score at every point, whose score depends on it alone; 0 where the score does not change."""
    with torch.enable_grad():
        at = points.detach().requires_grad_()
        height = score(at).sum()
        if not height.requires_grad:  # no points, or a score that does not look at them
            return torch.zeros_like(points)
        (gradient,) = torch.autograd.grad(height, at)
    return gradient.sign()


@torch.no_grad()
def _called(network: Differentiable, state: dict[str, Tensor], one: Tensor) -> tuple[nn.Module, Tensor]:
    """The module that ``forward`` calls, which holds all others, and what it is given."""
    calls: list[tuple[nn.Module, Any]] = []
    handle = register_module_forward_hook(lambda module, given, _: calls.append((module, given)))
    try:
        network.forward(state, one)
    finally:
        handle.remove()
    module, given = calls[-1] if calls else (None, ())
    if module is None or {each for each, _ in calls} - set(module.modules()) or len(given) != 1:
        raise ValueError(
            f"the forward of a {type(network).__name__} is no call of one nn.Module whose stages could be looked into; "
            f"{ALONE}"
        )
    return module, given[0]
