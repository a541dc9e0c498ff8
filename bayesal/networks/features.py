"""What a network shows its last linear layer while it is being trained."""

from jaxtyping import Float, Shaped
from torch import Tensor, nn

from bayesal.networks.trunk import split_head


def head_of(network: nn.Module, points: Shaped[Tensor, "n ..."]) -> nn.Linear:
    """The network's own last linear layer, whose output is the network's.

    ``points``: one or more inputs on which this is tried. Raises ValueError as ``split_head`` does.
    """
    trunk, _ = split_head(network, points)
    parts = dict(trunk.named_modules())
    heads = (
        m for name, m in network.named_modules() if isinstance(m, nn.Linear) and isinstance(parts[name], nn.Identity)
    )
    return next(heads)


def outputs_and_features(
    network: nn.Module, head: nn.Linear, points: Shaped[Tensor, "N ..."]
) -> tuple[Float[Tensor, "N C"], Float[Tensor, "N D"]]:
    """The network's outputs and what its ``head`` saw, in one pass, in the mode the network is in; both have
    gradients."""
    seen: list[Tensor] = []
    hook = head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        outputs = network(points)
    finally:
        hook.remove()
    return outputs, seen[-1]
