"""One trained network: it shows points as features, and can be differentiated at its weights."""

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from itertools import chain
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from bayesal.likelihoods import Likelihood, categorical
from bayesal.networks.trunk import split_head
from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.network import finite
from bayesal.posteriors.points import Points
from bayesal.types import Inputs


class TrainedNetwork:
    """A network in evaluation mode, as it is at the time of each call (``Embeds`` and ``Differentiable``).

    ``state``: values to use in place of the network's own, by name. ``trainable``: the names of the parameters that
    are learned; by default those of the network that need gradients, or all of them where none does, as in a network
    that was frozen whole. The network itself is not touched: a copy in evaluation mode is called.
    """

    def __init__(
        self,
        network: nn.Module,
        likelihood: Likelihood = categorical,
        *,
        state: Mapping[str, Tensor] | None = None,
        trainable: Collection[str] | None = None,
    ) -> None:
        self.network = network
        self.likelihood = likelihood
        self._given = dict(state or {})
        self._trainable = trainable
        self._trunk: nn.Module | None = None

    @classmethod
    def several(
        cls, network: nn.Module, likelihood: Likelihood, states: Mapping[str, Tensor], trainable: Collection[str]
    ) -> "tuple[TrainedNetwork, ...]":
        """The network under each of the ``states``, tensors by name with a leading axis of as many as there are."""
        count = len(next(iter(states.values())))
        return tuple(
            cls(network, likelihood, state={name: values[k] for name, values in states.items()}, trainable=trainable)
            for k in range(count)
        )

    @property
    def state(self) -> dict[str, Tensor]:
        """The parameters and buffers by name, tied ones once; not copies."""
        return {name: self._given.get(name, tensor).detach() for name, tensor in _tensors(self.network)}

    @property
    def trainable(self) -> frozenset[str]:
        """The names of the parameters that are learned."""
        return frozenset(trainable_names(self.network) if self._trainable is None else self._trainable)

    def forward(self, state: dict[str, Tensor], inputs: Inputs, /) -> Float[Tensor, "N C ..."]:
        """Logits as the network gives them (``N C``, or ``N C H W`` for maps), or the means of C amounts in the
        labels' own units.

        What ``state`` lacks is the network's own. May be called inside ``torch.func.vmap``. Raises ValueError for
        points that are not finite, and for a network that does not return one row a point.
        """
        points = Points.prepare(inputs, self.network)
        some = points if points.count else points.some()
        whole = {name: state.get(name, own) for name, own in self.state.items()}
        outputs = functional_call(self._still, whole, *some.arguments())
        if not isinstance(outputs, Tensor) or outputs.ndim < 2 or len(outputs) != some.count:
            seen = f"shape {tuple(outputs.shape)}" if isinstance(outputs, Tensor) else f"a {type(outputs).__name__}"
            raise ValueError(f"the network must return outputs N C, but for {some.count} points it gave {seen}")
        return self._location(outputs)[: points.count].to(points.device)

    @torch.no_grad()
    def embed(self, inputs: Inputs, /) -> Float[Tensor, "N D"]:
        """The inputs of the last linear layer. Raises ValueError as ``split_head`` does, and for points that are not
        one tensor."""
        points = Points.prepare(inputs, self.network)
        some = points if points.count else points.some()
        if not isinstance(some.inputs, Tensor):
            raise ValueError(
                f"features are of points that are one tensor, but these are {points.shape()}; give the belief a method "
                "embed(inputs) of your own"
            )
        if self._trunk is None:
            self._trunk = self._split(some.inputs[:2])
        own = {name: value for name, value in self.state.items() if name in dict(_tensors(self._trunk))}
        return finite(functional_call(self._trunk, own, some.arguments()[0]))[: points.count].to(points.device)

    @cached_property
    def _still(self) -> nn.Module:
        """The network in evaluation mode; its parameters hold no memory, for they are given at every call."""
        return frozen_copy(self.network, without=[name for name, _ in self.network.named_parameters()])

    def _split(self, points: Tensor) -> nn.Module:
        whole = frozen_copy(self.network)
        whole.load_state_dict(self._given, strict=False)
        trunk, _ = split_head(whole, points)
        return frozen_copy(trunk, without=[name for name, _ in trunk.named_parameters()])

    def _location(self, outputs: Tensor) -> Tensor:
        labels: Any = self.likelihood(outputs[:, None])
        if labels.support.is_discrete:
            return outputs
        means = labels.mean[:, 0]
        return means[:, None] if means.ndim == 1 else means


class ShowsNetwork:
    """What a belief shows of the trained network it is made of (``Embeds`` and ``Differentiable``)."""

    _trained: TrainedNetwork

    @property
    def trainable(self) -> frozenset[str]:
        """The names of the parameters that are learned."""
        return self._trained.trainable

    def forward(self, state: dict[str, Tensor], inputs: Inputs, /) -> Float[Tensor, "N C ..."]:
        """The network without noise: logits, or the means of amounts (see ``TrainedNetwork``)."""
        return self._trained.forward(state, inputs)

    def embed(self, inputs: Inputs, /) -> Float[Tensor, "N D"]:
        """The inputs of the last linear layer, without noise."""
        return self._trained.embed(inputs)


def trainable_names(network: nn.Module) -> list[str]:
    """The floating-point parameters that need gradients, or all of them where none does: a network frozen whole."""
    floating = {name: p for name, p in network.named_parameters() if p.is_floating_point()}
    return [name for name, p in floating.items() if p.requires_grad] or list(floating)


def _tensors(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    return chain(network.named_parameters(), network.named_buffers())
