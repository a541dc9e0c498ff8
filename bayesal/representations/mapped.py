"""Rows mapped block by block into one tensor, so that a pool of any size needs its rows twice and no more."""

from collections.abc import Callable

import torch
from jaxtyping import Shaped
from torch import Tensor

from bayesal.numerics.linalg import blocks


def mapped(
    rows: Shaped[Tensor, "N ..."], function: Callable[[Tensor], Tensor], width: int, dtype: torch.dtype
) -> Shaped[Tensor, "N P"]:
    """``function`` of all rows, of which each becomes ``width`` numbers of this type."""
    result = torch.empty(len(rows), width, dtype=dtype, device=rows.device)
    for some in blocks(len(rows), max(width, rows[:1].numel())):
        result[some] = function(rows[some])
    return result
