"""Covariances between places of a pool, asked of a belief when they are needed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from bayesal.data.pool import Pool
from bayesal.types import Id, Ids, Inputs, Moments
from bayesal.views.moments import variance_of
from bayesal.views.targets import TargetPoints


@dataclass(frozen=True, eq=False)
class Places:
    """A kernel over places: 0 ... N-1 are the points ``ids`` of ``pool``, N ... N+M-1 the target points.

    Only columns that are asked for are computed, chunk by chunk through ``Pool.scan``: never the N x N matrix, and
    never more inputs in memory than a chunk.
    """

    belief: Moments
    pool: Pool
    ids: Ids
    targets: TargetPoints | None = None

    @property
    def here(self) -> Int[Tensor, "N"]:
        """The places of the pool: the rows."""
        return torch.arange(len(self.ids))

    @property
    def there(self) -> Int[Tensor, "M"]:
        """The places of the targets."""
        return torch.arange(len(self.ids), len(self.ids) + (0 if self.targets is None else len(self.targets.ids)))

    def variance(self, places: Shaped[Tensor, "N"], /) -> Float[Tensor, "N"]:
        return self._over(places, lambda inputs: variance_of(self.belief, inputs))

    def covariance(self, places: Shaped[Tensor, "N"], points: Shaped[Tensor, "P"], /) -> Float[Tensor, "N P"]:
        pool, ids = self._at(points)
        others = pool.gather(ids)
        return self._over(places, lambda inputs: self.belief.covariance(inputs, others))

    def _over(self, places: Tensor, look: Callable[[Inputs], Tensor]) -> Tensor:
        pool, ids = self._at(places)
        with torch.no_grad():
            return pool.scan(look, ids, what="asking for covariances")

    def _at(self, places: Tensor) -> tuple[Pool, list[Id] | np.ndarray]:
        """Places of one kind: all of the pool or all of the targets."""
        positions = places.cpu().numpy()
        if self.targets is None or (positions < len(self.ids)).all():
            return self.pool, np.asarray(self.ids)[positions]
        return self.targets.pool, np.asarray(self.targets.ids)[positions - len(self.ids)]
