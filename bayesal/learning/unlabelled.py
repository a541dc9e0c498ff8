"""Points without a label, a batch at a time: for trainings that learn from the whole pool."""

import numpy as np
import torch
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.learning.recipe import Prepared


class Unlabelled:
    """Batches of the points a pool has no label for, as the networks take them: shuffles laid end to end.

    ``seed`` is all the randomness; only one batch is in memory. Without such points a batch has none.
    """

    def __init__(self, pool: Pool, ready: Prepared, batch_size: int, seed: int) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, but it is {batch_size}")
        self._pool = pool
        self._ready = ready
        self._ids = pool.unlabelled
        self._generator = Generator().manual_seed(seed)
        self._size = batch_size
        self._order = torch.empty(0, dtype=torch.int64)

    def __len__(self) -> int:
        return len(self._ids)

    def next(self) -> Tensor:
        """The next ``batch_size`` points, or all of them where there are fewer."""
        size = min(self._size, len(self._ids))
        if len(self._order) < size:
            self._order = torch.cat([self._order, torch.randperm(len(self._ids), generator=self._generator)])
        chosen, self._order = self._order[:size], self._order[size:]
        return self._ready.points(self._pool.gather(self._ids[np.asarray(chosen)]))
