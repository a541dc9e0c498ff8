"""A network in two parts: what it computes before its last linear layer, and that layer."""

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn

TOLERANCE = 1e-4  # of the largest output: one product of matrices may be summed in another order


def split_head(network: nn.Module, points: Tensor) -> tuple[nn.Module, nn.Linear]:
    """``(trunk, head)`` with network(x) = head(trunk(x)): copies in evaluation mode that need no gradients.

    The head is the ``nn.Linear`` that is called last; the trunk gives its inputs, the features ``N D``.
    The network itself is left alone. ``points``: one or more inputs ``n ...`` on which the split is tried.
    Raises ValueError if the network has no linear layer, or if its output is not that of the last one: for a network
    that goes on to a softmax or a scale, take the part that gives the logits.
    """
    kind = type(network).__name__
    whole = copy.deepcopy(network).eval().requires_grad_(False)
    name, expected = _last_called(whole, points)
    if name is None:
        raise ValueError(f"the network ({kind}) uses no nn.Linear that could be split off as its head")
    trunk = copy.deepcopy(whole)
    head = trunk.get_submodule(name)
    assert isinstance(head, nn.Linear)
    if not name:  # a linear layer alone: its features are its inputs
        return nn.Identity().eval(), head
    parent, _, own = name.rpartition(".")
    setattr(trunk.get_submodule(parent), own, nn.Identity())
    if not _is_split(trunk, head, points, expected):
        raise ValueError(
            f"the output of the network ({kind}) is not that of its last nn.Linear ({name}), so its features cannot be "
            "told from its head; take the part of it that ends in the logits"
        )
    return trunk, head


@torch.no_grad()
def _last_called(network: nn.Module, points: Tensor) -> tuple[str | None, Tensor]:
    """The name of the linear layer that is called last, and the network's output."""
    called: list[str] = []
    linear = [(name, module) for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    hooks = [module.register_forward_hook(lambda *_, name=name: called.append(name)) for name, module in linear]
    try:
        output = network(points)
    finally:
        for hook in hooks:
            hook.remove()
    return (called[-1] if called else None), output


@torch.no_grad()
def _is_split(trunk: nn.Module, head: nn.Linear, points: Tensor, expected: Tensor) -> bool:
    try:
        features = trunk(points)
    except RuntimeError:  # what came after the layer cannot take its inputs in place of its outputs
        return False
    return features.ndim == 2 and features.shape[-1] == head.in_features and _close(head(features), expected)


def _close(one: Float[Tensor, "..."], other: Float[Tensor, "..."]) -> bool:
    return one.shape == other.shape and bool((one - other).abs().max() <= TOLERANCE * (1 + other.abs().max()))
