"""What a network computes on its way: the outputs of its stages."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.dropout import _DropoutNd


class Stage(NamedTuple):
    """The module whose output is looked at, how many features that has, and on which axis."""

    name: str
    width: int
    axis: int

    def pooled(self, output: Float[Tensor, "N ..."]) -> Float[Tensor, "N D"]:
        """The features of every point: means over all places where there are several."""
        return output.movedim(self.axis, 1).flatten(2).mean(dim=2) if output.ndim > 2 else output


class Called(NamedTuple):
    """A module without parts, and the shape of what it gave."""

    name: str
    module: nn.Module
    shape: torch.Size


def stages_of(network: nn.Module, points: Tensor, count: int = 4) -> tuple[Stage, ...]:
    """Up to ``count`` stages of the network, evenly chosen, the last one before its head included.

    A stage begins at a convolution or a linear layer, and ends with the last module before the next of these that
    keeps its features apart: an activation, a pooling; not what flattens, and no dropout. The head, the linear layer
    that is called last, is no stage, unless there is nothing else. ``points``: one or more inputs ``n ...`` to try.
    The network is left alone. Raises ValueError if it has neither linear layers nor convolutions.
    """
    calls = _calls(network, points)
    starts = [i for i, call in enumerate(calls) if isinstance(call.module, nn.Linear | _ConvNd)]
    if not starts:
        raise ValueError(
            f"the network ({type(network).__name__}) has neither nn.Linear nor convolutions whose outputs could be "
            "looked at; make its layers modules of these kinds"
        )
    linear = [i for i in starts if isinstance(calls[i].module, nn.Linear)]
    before = [i for i in starts if not linear or i < linear[-1]] or starts[-1:]
    ends = [*before[1:], linear[-1] if linear and linear[-1] > before[-1] else len(calls)]
    stages = [_stage(calls[start:end]) for start, end in zip(before, ends, strict=True)]
    last = {stage.name: stage for stage in stages}  # a module that is called again is looked at once
    stages = list(last.values())
    wanted = min(count, len(stages))
    return tuple(stages[-(-(j + 1) * len(stages) // wanted) - 1] for j in range(wanted))


@contextmanager
def outputs_of(network: nn.Module, names: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Inside, what these modules give is found under their names once the network was called."""
    seen: dict[str, Tensor] = {}
    hooks = [network.get_submodule(name).register_forward_hook(partial(_keep_output, seen, name)) for name in names]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _stage(calls: Sequence[Called]) -> Stage:
    start = calls[0]
    axis = len(start.shape) - 1 if isinstance(start.module, nn.Linear) else 1
    width = start.shape[axis]
    kept = [
        call.name
        for call in calls
        if len(call.shape) == len(start.shape)
        and call.shape[axis] == width
        and not isinstance(call.module, _DropoutNd | nn.Flatten)
    ]
    return Stage(kept[-1], width, axis)


@torch.no_grad()
def _calls(network: nn.Module, points: Tensor) -> list[Called]:
    """The modules without parts that gave one row a point, in the order they were called."""
    whole = copy.deepcopy(network).eval()
    calls: list[Called] = []

    def note(name: str, module: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim >= 2 and len(output) == len(points):
            calls.append(Called(name, module, output.shape))

    for name, module in whole.named_modules():
        if not any(True for _ in module.children()):
            module.register_forward_hook(partial(note, name))
    whole(points)
    return calls


def _keep_output(seen: dict[str, Tensor], name: str, module: nn.Module, inputs: Any, output: Tensor) -> None:
    seen[name] = output
