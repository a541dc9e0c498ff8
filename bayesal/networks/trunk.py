"""A network in two parts: what it computes before its last linear layer, and that layer."""

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn

TOLERANCE = 1e-4  # of the largest output: one product of matrices may be summed in another order


def split_head(network: nn.Module, points: Tensor) -> tuple[nn.Module, nn.Linear]:
    """``(trunk, head)`` with network(x) = head(trunk(x)): copies in evaluation mode that need no gradients.

    The head is the last ``nn.Linear`` among the network's modules; the trunk gives its inputs, the features ``N D``.
    The network itself is left alone. ``points``: one or more inputs ``n ...`` on which the split is tried.
    Raises ValueError if the network has no linear layer, or if its output is not that of the last one: for a network
    that goes on to a softmax or a scale, take the part that gives the logits.
    """
    names = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    kind = type(network).__name__
    if not names:
        raise ValueError(f"the network ({kind}) has no nn.Linear to split off as its head")
    whole = copy.deepcopy(network).eval().requires_grad_(False)
    if not names[-1]:  # a linear layer alone: its features are its inputs
        assert isinstance(whole, nn.Linear)
        return nn.Identity(), whole
    trunk = copy.deepcopy(whole)
    head = trunk.get_submodule(names[-1])
    assert isinstance(head, nn.Linear)
    parent, _, own = names[-1].rpartition(".")
    setattr(trunk.get_submodule(parent), own, nn.Identity())
    with torch.no_grad():
        expected, features = whole(points), trunk(points)
        same = features.ndim == 2 and features.shape[-1] == head.in_features and _close(head(features), expected)
    if not same:
        raise ValueError(
            f"the output of the network ({kind}) is not that of its last nn.Linear ({names[-1]}), so its features "
            "cannot be told from its head; take the part of it that ends in the logits"
        )
    return trunk, head


def _close(one: Float[Tensor, "..."], other: Float[Tensor, "..."]) -> bool:
    return one.shape == other.shape and bool((one - other).abs().max() <= TOLERANCE * (1 + other.abs().max()))
