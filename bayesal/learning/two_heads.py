"""A network with a second head on the features that its own last layer sees."""

import copy

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from bayesal.learning.modes import Modes
from bayesal.learning.streams import seeded


class TwoHeaded(nn.Module):
    """``network`` as it is, and ``second``: a new layer like the network's last one, on the same inputs.

    The last layer is the linear layer or convolution that is called last; its output must be the network's. ``seen``
    holds (outputs, outputs of the second head) of the latest call. Raises ValueError for a network that does not end
    in such a layer.
    """

    def __init__(self, network: nn.Module, points: Tensor, seed: int) -> None:
        super().__init__()
        self.network = network
        self._name = _last_layer(network, points)
        self.second = copy.deepcopy(network.get_submodule(self._name))
        with seeded(seed):
            self.second.reset_parameters()  # pyright: ignore[reportCallIssue]  (both kinds of layers have it)
        self.second.requires_grad_(True)
        self.seen: tuple[Tensor, Tensor] | None = None

    def forward(self, points: Tensor) -> Tensor:
        features: list[Tensor] = []
        hook = self.network.get_submodule(self._name).register_forward_pre_hook(
            lambda _, arguments: features.append(arguments[0])
        )
        try:
            outputs = self.network(points)
        finally:
            hook.remove()
        self.seen = outputs, self.second(features[-1])
        return outputs


@torch.no_grad()
def _last_layer(network: nn.Module, points: Tensor) -> str:
    """The name of the layer whose output is the network's."""
    called: list[tuple[str, Tensor]] = []
    layers = [(name, module) for name, module in network.named_modules() if isinstance(module, nn.Linear | _ConvNd)]
    hooks = [
        module.register_forward_hook(lambda *given, name=name: called.append((name, given[-1])))
        for name, module in layers
    ]
    try:
        with seeded(0), Modes([network]) as modes, modes.evaluation():
            outputs = network(points)
    finally:
        for hook in hooks:
            hook.remove()
    if not called or called[-1][1].shape != outputs.shape or not torch.equal(called[-1][1], outputs):
        raise ValueError(
            f"a second head needs a network that ends in a linear layer or a convolution, but the output of this one "
            f"({type(network).__name__}) is not that of its last: take the part of it that ends in the logits, or "
            "weight=0"
        )
    return called[-1][0]
