"""Which of a network's outputs is differentiated."""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from jaxtyping import Float
from torch import Tensor

Outputs: TypeAlias = str | int
"""Of C outputs f: "sum" for Σ_c f_c / √C, "each" for all C kernels added up, or the number of one."""


def check_outputs(outputs: Outputs) -> None:
    """Raises ValueError for anything else."""
    if isinstance(outputs, str) and outputs not in ("sum", "each"):
        raise ValueError(f"outputs must be 'sum', 'each' or the number of one, but it is {outputs!r}")


def objectives(outputs: Outputs, seen: Float[Tensor, "N C ..."]) -> list[Callable[[Tensor], Tensor]]:
    """What to differentiate of outputs as those seen. Raises ValueError for an output that is not there."""
    count = seen.shape[1:].numel()
    if outputs == "sum":
        return [_sum]
    if outputs == "each":
        return [partial(_one, number=c) for c in range(count)]
    assert isinstance(outputs, int)
    if not 0 <= outputs < count:
        raise ValueError(f"the network has the outputs 0 to {count - 1}, but outputs is {outputs}")
    return [partial(_one, number=outputs)]


def _sum(seen: Float[Tensor, "N C ..."]) -> Float[Tensor, "N"]:
    return seen.flatten(1).sum(1) / seen.shape[1:].numel() ** 0.5


def _one(seen: Float[Tensor, "N C ..."], number: int) -> Float[Tensor, "N"]:
    return seen.flatten(1)[:, number]
