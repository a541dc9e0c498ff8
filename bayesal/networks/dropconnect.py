"""DropConnect in training: weights, not units, are dropped."""

from collections.abc import Collection, Iterator
from typing import Any

from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


class DropConnected(nn.Module):
    """A network whose weights are dropped in training (Wan, Zeiler, Zhang, LeCun, Fergus, ICML 2013).

    In training mode every forward pass uses W ∘ b / (1 - p), b ~ Bernoulli(1 - p) anew for every weight and the same
    for all points of the batch, in place of the weights W of its linear layers and convolutions (with ``bias``, of
    their biases too). The network itself is left as it is, with its trained weights, stride, groups and padding: in
    evaluation mode, and with p = 0, the output is its own. ``layers``: the names of those to do it to; by default all.

    Raises ValueError for p outside [0, 1], for a name that is no such layer, for a layer whose weight is computed from
    other parameters, and if there is no layer at all.
    """

    def __init__(self, network: nn.Module, p: float = 0.5, *, layers: Collection[str] = (), bias: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"a dropout probability must lie between 0 and 1, but it is {p}")
        found = {name: module for name, module in network.named_modules() if isinstance(module, LAYERS)}
        missing = [name for name in layers if name not in found]
        if missing or not found:
            seen = f"{missing[0]!r} is none of them" if missing else "it has none"
            raise ValueError(
                "DropConnect acts on linear layers and convolutions of the network "
                f"({type(network).__name__}), but {seen}"
            )
        derived = [name for name in layers or found if not isinstance(found[name].weight, nn.Parameter)]
        if derived:
            raise ValueError(
                f"the weight of {derived[0]!r} is computed from other parameters (weight or spectral normalisation), "
                "so its connections cannot be dropped: name the other layers in layers="
            )
        self.network = network
        self.p = p
        dropped = [found[name].weight for name in layers or found]
        if bias:
            dropped += [found[name].bias for name in layers or found if found[name].bias is not None]
        self.dropped = [name for name, own in network.named_parameters() if any(own is other for other in dropped)]

    def forward(self, *inputs: Any, **named: Any) -> Any:
        if not self.training or self.p == 0:
            return self.network(*inputs, **named)
        masked = {name: F.dropout(self.network.get_parameter(name), self.p) for name in self.dropped}
        return functional_call(self.network, masked, inputs, named)

    def extra_repr(self) -> str:
        return f"p={self.p}"


def dropped_connections(network: nn.Module) -> Iterator[tuple[str, float]]:
    """The parameters that are dropped anywhere in a network, by name, with their probabilities."""
    for path, module in network.named_modules():
        if isinstance(module, DropConnected):
            yield from ((f"{path}.network.{name}".lstrip("."), module.p) for name in module.dropped)
