"""The baseline that every method must beat."""

import torch
from jaxtyping import Int, Shaped
from torch import Generator, Tensor

from bayesal.selection.door import check_batch_size


def random(rows: Shaped[Tensor, "N ..."], batch_size: int, /, *, generator: Generator) -> Int[Tensor, "B"]:
    """B distinct positions, uniformly, in random order; what the rows hold does not matter.

    Raises ValueError for a batch below 0 or above N.
    """
    check_batch_size(batch_size, len(rows))
    return torch.randperm(len(rows), generator=generator)[:batch_size].to(rows.device)
