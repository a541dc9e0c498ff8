"""Looking ahead one label after the other, without training in between."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from bayesal.acquisitions.lookahead import LookAhead


def sequential_look_ahead(
    state: LookAhead,
    batch_size: int,
    oracle: Callable[[int], Float[Tensor, "C"]] | None = None,
    *,
    labels: str = "likely",
    objective: str = "change",
) -> tuple[Int[Tensor, "B"], Float[Tensor, "B"], LookAhead]:
    """Pick the highest score (ties: the lowest), learn its label, and score again: positions, their scores, and the
    state that knows all their labels.

    ``oracle``: the label of the picked position, one-hot; by default the likely label is believed, a hypothesis.
    ``labels`` and ``objective`` are those of :meth:`LookAhead.scores`. O(U² C) a label, however many are known. Network
    training is only needed at the end. Raises ValueError for a batch below 0 or above U.
    """
    count = len(state.prior)
    if not 0 <= batch_size <= count:
        raise ValueError(f"a batch of {batch_size} was asked for, but there are {count} points to look ahead at")
    open_ = torch.ones(count, dtype=torch.bool, device=state.prior.device)
    positions: list[int] = []
    scores: list[float] = []
    for _ in range(batch_size):
        seen = state.scores(labels, objective).masked_fill(~open_, -torch.inf)
        best = int(seen.argmax())  # argmax gives the first of equals
        positions.append(best)
        scores.append(float(seen[best]))
        open_[best] = False
        state = state.answered(best, state.guesses[best] if oracle is None else oracle(best))
    return (
        torch.tensor(positions, dtype=torch.int64, device=open_.device),
        torch.tensor(scores, dtype=torch.float64, device=open_.device),
        state,
    )
