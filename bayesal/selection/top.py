"""The highest scores."""

import torch
from jaxtyping import Int, Shaped
from torch import Generator, Tensor

from bayesal.selection.door import check_scores


def top(scores: Shaped[Tensor, "N ..."], batch_size: int, /, *, generator: Generator | None = None) -> Int[Tensor, "B"]:
    """The positions of the B highest scores, highest first; of equal scores the lowest position first.

    Nothing is drawn: ``generator`` is there because every rule takes one. Raises ValueError for a batch below 0 or
    above N, for NaN, and for more than one number a row.
    """
    check_scores(scores, batch_size)
    if batch_size == 0:
        return torch.empty(0, dtype=torch.int64, device=scores.device)
    # topk finds the last score that gets in, but says nothing of ties: those are settled here, in O(N).
    last = scores.topk(batch_size, sorted=False).values.amin()
    above = (scores > last).nonzero().squeeze(1)
    tied = (scores == last).nonzero().squeeze(1)[: batch_size - len(above)]
    chosen = torch.cat([above, tied]).sort().values
    return chosen[scores[chosen].argsort(descending=True, stable=True)]
