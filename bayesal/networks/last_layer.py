"""The layer that a network ends in, and what it is shown: the features."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

TOLERANCE = 1e-4  # of the largest output: one product of matrices may be summed in another order


@torch.no_grad()
def last_layer(network: nn.Module, points: Tensor, kinds: tuple[type[nn.Module], ...] = (nn.Linear,)) -> str:
    """The name of the layer of these ``kinds`` that is called last; its output is the network's in evaluation mode.

    ``points``: one or more inputs ``n ...`` to try. The network is left alone. Raises ValueError if it has no such
    layer, or if its output is not that of the last one: for a network that goes on to a softmax or a scale, take the
    part that gives the logits.
    """
    whole = copy.deepcopy(network).eval()
    what, kind = " or ".join(f"nn.{each.__name__.lstrip('_')}" for each in kinds), type(network).__name__
    called: list[tuple[str, Tensor]] = []
    for name, module in whole.named_modules():
        if isinstance(module, kinds):
            module.register_forward_hook(lambda *given, name=name: called.append((name, given[-1])))
    outputs = whole(points)
    if not called:
        raise ValueError(f"the network ({kind}) uses no {what} that could be its last layer")
    name, said = called[-1]
    if not same(said, outputs):
        raise ValueError(
            f"the output of the network ({kind}) is not that of its last {what} ({name}), so what it sees cannot be "
            "told from what it says; take the part of it that ends in the logits"
        )
    return name


@contextmanager
def inputs_of(network: nn.Module, name: str) -> Iterator[dict[str, Tensor]]:
    """Inside, what this module was given is found under its name once the network was called."""
    seen: dict[str, Tensor] = {}
    hook = network.get_submodule(name).register_forward_pre_hook(lambda _, given: seen.update({name: given[0]}))
    try:
        yield seen
    finally:
        hook.remove()


def outputs_and_features(
    network: nn.Module, head: str, points: Shaped[Tensor, "N ..."]
) -> tuple[Float[Tensor, "N ..."], Float[Tensor, "N ..."]]:
    """The network's outputs and what its last layer, of the name ``head``, saw: in one pass, in the mode the network is
    in; both have gradients."""
    with inputs_of(network, head) as seen:
        outputs = network(points)
    return outputs, seen[head]


def same(one: Tensor, other: Tensor) -> bool:
    """Whether these are the same numbers, but for rounding."""
    return one.shape == other.shape and bool((one - other).abs().max() <= TOLERANCE * (1 + other.abs().max()))
