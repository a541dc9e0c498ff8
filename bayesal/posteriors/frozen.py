"""A network as it is now, whatever becomes of the original."""

import copy
from collections.abc import Collection
from itertools import chain
from typing import TypeVar

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

Network = TypeVar("Network", bound=nn.Module)


def frozen_copy(network: Network, without: Collection[str] = ()) -> Network:
    """A copy in evaluation mode that needs no gradients and shares nothing with the original, which is not touched.

    Tensors named in ``without`` keep their shapes but hold no memory: they are given at every call. Raises ValueError
    if the network holds something that cannot be copied.
    """
    try:
        return copy.deepcopy(network, _frozen_tensors(network, without)).eval()
    except Exception as error:
        raise ValueError(
            f"the network ({type(network).__name__}) cannot be copied: {error}; hypotheses keep a copy of the network "
            "as it is when they are drawn, so keep locks, files and other handles out of its attributes"
        ) from error


def _frozen_tensors(network: nn.Module, without: Collection[str]) -> dict[int, object]:
    """By the id of each tensor of the network, what a copy holds in its place."""
    memo: dict[int, object] = {}
    for module in network.modules():
        for tensor in vars(module).values():  # derived weights (weight_norm) are not leaves, so deepcopy refuses them
            if isinstance(tensor, Tensor):
                memo[id(tensor)] = tensor.detach().clone()
    for name, tensor in chain(network.named_parameters(), network.named_buffers()):
        if is_lazy(tensor):
            raise ValueError(f"{name} has no shape yet, show the network a point first")
        value = tensor.new_zeros(()).expand(tensor.shape) if name in without else tensor.detach().clone()
        memo[id(tensor)] = nn.Parameter(value, requires_grad=False) if isinstance(tensor, nn.Parameter) else value
    return memo
