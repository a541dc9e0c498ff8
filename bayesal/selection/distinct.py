"""Near duplicates among rows: the first of them is kept."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from bayesal.numerics.distance.of import measured
from bayesal.numerics.distance.within import within
from bayesal.numerics.linalg import blocks
from bayesal.selection.door import check_features

ROWS = 2**10  # looked at together
PAIRS = 2**22  # distances screened at once
ROUNDING = 1e-6  # of a squared distance between rows of length 1 in float32


def distinct(rows: Tensor, known: Tensor, similarity: float | int = 0.95) -> Bool[Tensor, "N"]:
    """Which rows are kept if, in their order, each is set aside whose cosine with one known or kept before it is at
    least ``similarity``.

    ‖a - b‖² = 2 - 2 cos for rows of length 1, decided in float64. A row of zeros is like other rows of zeros only.
    Raises ValueError for a similarity that is not above 0 and up to 1, and for rows that are no finite features.
    """
    if not 0 < similarity <= 1:
        raise ValueError(f"a similarity is a cosine above 0 and up to 1, but it is {similarity}")
    check_features(rows, known)
    squared = 2 - 2 * similarity + ROUNDING
    ready = measured(_unit(rows), None)
    taken = ready.beside(_unit(known))
    kept = torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
    for some in blocks(len(rows), 1, ROWS):
        fresh = torch.ones_like(kept[some])
        before = kept.nonzero().squeeze(1)
        for part in blocks(len(taken), ROWS, PAIRS):
            fresh &= ~within(ready, some, taken.of_parts(tuple(each[part] for each in taken.parts)), squared).any(1)
        for part in blocks(len(before), ROWS, PAIRS):
            others = ready.of_parts(tuple(each[before[part]] for each in ready.parts))
            fresh &= ~within(ready, some, others, squared).any(1)
        own = within(ready, some, ready.of_parts(tuple(each[some] for each in ready.parts)), squared).cpu().numpy()
        left = fresh.cpu().numpy()
        for row in range(len(left)):
            if left[row]:
                left[row + 1 :] &= ~own[row, row + 1 :]
        kept[some] = torch.from_numpy(left).to(kept.device)
    return kept


def _unit(rows: Float[Tensor, "N D"]) -> Float[Tensor, "N E"]:
    """Rows of length 1, with one more number that is 1 for rows of zeros and 0 for others."""
    result = torch.empty(len(rows), rows.shape[1] + 1, dtype=rows.dtype, device=rows.device)
    for some in blocks(len(rows), rows.shape[1]):
        double = rows[some].detach().double()
        length = torch.linalg.vector_norm(double, dim=1, keepdim=True)
        result[some] = torch.cat([double / torch.where(length > 0, length, 1), (length == 0).double()], 1).to(rows)
    return result
