"""A network in two parts: what it computes before its last linear layer, and that layer."""

import copy

import torch
from torch import Tensor, nn

from bayesal.networks.last_layer import last_layer, same


@torch.no_grad()
def split_head(network: nn.Module, points: Tensor) -> tuple[nn.Module, nn.Linear]:
    """``(trunk, head)`` with network(x) = head(trunk(x)): copies in evaluation mode that need no gradients.

    The head is the ``nn.Linear`` that is called last; the trunk gives its inputs, the features ``N D``.
    The network itself is left alone. ``points``: one or more inputs ``n ...`` on which the split is tried.
    Raises ValueError if the network has no linear layer, or if its output is not that of the last one: for a network
    that goes on to a softmax or a scale, take the part that gives the logits.
    """
    name = last_layer(network, points)
    trunk = copy.deepcopy(network).eval().requires_grad_(False)
    head = trunk.get_submodule(name)
    assert isinstance(head, nn.Linear)
    if not name:  # a linear layer alone: its features are its inputs
        return nn.Identity().eval(), head
    expected = trunk(points)
    parent, _, own = name.rpartition(".")
    setattr(trunk.get_submodule(parent), own, nn.Identity())
    if not _is_split(trunk, head, points, expected):
        raise ValueError(
            f"what the network ({type(network).__name__}) computes before its last nn.Linear ({name}) is not a network "
            "of its own: other parts use that layer or what it says; take the part of it that ends in the logits"
        )
    return trunk, head


def _is_split(trunk: nn.Module, head: nn.Linear, points: Tensor, expected: Tensor) -> bool:
    try:
        features = trunk(points)
    except RuntimeError:  # what came after the layer cannot take its inputs in place of its outputs
        return False
    return features.ndim == 2 and features.shape[-1] == head.in_features and same(head(features), expected)
