"""The contract of a query strategy, and what all of them share."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.types import Belief, Selection


@runtime_checkable
class Strategy(Protocol[Belief]):
    """A belief and a pool become a batch: ids, with the scores and gains that explain them."""

    def __call__(self, belief: Belief, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection: ...


def check_batch(batch_size: int, n: int) -> None:
    """A batch must be at least 0 and fit in what is left to choose from."""
    if batch_size < 0:
        raise ValueError(f"batch_size must be at least 0, but it is {batch_size}")
    if batch_size > n:
        raise ValueError(
            f"a batch of {batch_size} was asked for, but only {n} unlabelled points are left to choose from; "
            "ask for fewer"
        )


def ids_at(ids: np.ndarray, positions: Tensor) -> list[Any]:
    """The ids of these positions, in plain Python."""
    return ids[positions.cpu().numpy()].tolist()
