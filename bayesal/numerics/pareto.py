"""Two objectives that are both to be large: what no row dominates, and what is left when that is peeled off.

A row dominates another if it has at least as much of both and more of one; equal rows do not dominate each other.
"""

from bisect import bisect_right

import torch
from jaxtyping import Int, Shaped
from torch import Tensor


def front(values: Shaped[Tensor, "N 2"]) -> Int[Tensor, "F"]:
    """The rows that no other row dominates, those with most of the first objective first; of equal rows the first.

    O(N log N): sorted by both, a row stays if it has more of the second objective than all before it.
    """
    order = falling(values)
    second = values[order, 1]
    before = torch.cat([second.new_full((1,), -torch.inf), second.cummax(0).values])[: len(order)]
    return order[second > before]


def layers(values: Shaped[Tensor, "N 2"]) -> Int[Tensor, "N"]:
    """The layer of every row: 0 for those that none dominates, 1 for those that only rows of layer 0 do, and so on.

    Equal rows are in one layer. All layers in O(N log N): in the order of ``falling``, a row belongs to the first
    layer that does not have as much of the second objective yet.
    """
    order = falling(values)
    lowest: list[float] = []  # minus the second objective that each layer has reached; never falls from layer to layer
    found: list[int] = []
    before = None
    for row in values[order].tolist():
        if row != before:
            layer = bisect_right(lowest, -row[1])
            lowest[layer : layer + 1] = [-row[1]]
            before = row
        else:
            layer = found[-1]
        found.append(layer)
    result = torch.empty_like(order)
    result[order] = torch.tensor(found, dtype=order.dtype, device=order.device)
    return result


def falling(values: Shaped[Tensor, "N 2"]) -> Int[Tensor, "N"]:
    """Rows by the first objective, largest first, then by the second; of equal rows the first comes first."""
    by_second = values[:, 1].argsort(descending=True, stable=True)
    return by_second[values[by_second, 0].argsort(descending=True, stable=True)]
