"""The points in few numbers that need neither a model nor labels: their principal components."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.nn.functional import normalize

from bayesal.data.pool import Pool
from bayesal.networks import Standardise
from bayesal.recipe import recipe
from bayesal.types import Inputs
from bayesal.views.sampled import finite, sample_of, scale_for

WIDE = 2_000  # numbers a point: up to here all components are computed, beyond only those that are wanted


@dataclass(frozen=True, repr=False)
class Principal:
    """Rows are the first principal components of the pool's points, ``N D``; no belief is asked and nothing is drawn.

    Points are put on the pool's scale (each column of a table, each channel of images), flattened and centred; the
    components are those of at most 10,000 evenly spaced points of the whole pool (fewer where points are so large that
    those would fill half a gigabyte), the largest first, at most ``num_components`` of them and no more than there are
    points, or numbers in a point. ``normalise``: rows have length 1, as methods that
    look at neighbours take them; what has no direction stays 0.
    Pearson (1901), by scikit-learn. Raises ValueError for points that are not one tensor of finite numbers.
    """

    num_components: int = 50
    normalise: bool = False

    __repr__ = recipe

    def __post_init__(self) -> None:
        if self.num_components < 1:
            raise ValueError(f"num_components must be at least 1, but it is {self.num_components}")

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> "PrincipalLook":
        points = sample_of(pool)
        scale = scale_for(points)
        mean, directions = _components(scale(points).flatten(1).numpy(), self.num_components)
        return PrincipalLook(scale, torch.from_numpy(mean), torch.from_numpy(directions), self.normalise)


@dataclass(frozen=True, eq=False)
class PrincipalLook:
    """Points in, their components out, in float32; computed in float64, so that chunks make no difference."""

    scale: Standardise
    mean: Float[Tensor, "E"]
    directions: Float[Tensor, "D E"]
    normalise: bool

    @torch.no_grad()
    def __call__(self, inputs: Inputs, /) -> Float[Tensor, "N D"]:
        rows = (self.scale(finite(inputs)).flatten(1) - self.mean) @ self.directions.T
        return (normalize(rows) if self.normalise else rows).float()


def _components(points: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean ``E`` and the principal directions ``D E`` of points ``N E``."""
    from sklearn.decomposition import PCA  # here, because it takes a second to import

    wanted = min(most, *points.shape)
    if len(points) < 2:
        return points.sum(0), np.eye(wanted, points.shape[1])  # any direction: there is nothing to tell apart
    solver = "covariance_eigh" if points.shape[1] <= WIDE else "randomized"
    pca = PCA(wanted, svd_solver=solver, random_state=0)
    with np.errstate(invalid="ignore"):  # shares of a variance that is 0, which nobody asks for
        pca.fit(points)
    return np.asarray(pca.mean_), np.asarray(pca.components_)
