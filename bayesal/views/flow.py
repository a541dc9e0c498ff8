"""How usual a point is among those that are labelled: the density of its features, by a normalising flow."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.learning.flow import Flow, NormalisingFlow
from bayesal.networks import Standardise
from bayesal.recipe import recipe
from bayesal.types import Inputs, Look
from bayesal.views.features import Features

POINTS = 5  # labelled ones for each component: fewer say little about a density
CONSTANT = 1e-9  # of the largest variance: below it, a component is one of rounding


@dataclass(frozen=True, repr=False)
class FlowDensity:
    """Rows are ln p(z) of features z: p is a flow fitted to those of what is labelled (``learning.NormalisingFlow``).

    Features are those before the last layer, of several networks side by side. They are standardised, and reduced to
    their first ``num_components`` principal components, of which there are no more than one for every five labelled
    points; all of it by the labelled points. ``training`` is the fit. Fitted anew at every call, from the generator.
    Raises ValueError for a belief without features, and where fewer than two labelled points differ.
    """

    num_components: int = 8
    training: NormalisingFlow = field(default_factory=NormalisingFlow)

    __repr__ = recipe

    def __post_init__(self) -> None:
        if self.num_components < 1:
            raise ValueError(f"num_components must be at least 1, but it is {self.num_components}")

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> "FlowLook":
        features = Features()(belief, pool, generator=generator)
        if len(pool.labels) < 2:
            raise ValueError(
                f"the density of what is labelled needs at least two points, but there are {len(pool.labels)}; label a "
                "first batch at random"
            )
        known = pool.scan(features, pool.labelled, what="looking at what is labelled").double()
        scale = Standardise.of(known, torch.float64)
        mean, directions = _components(scale(known), self.num_components)
        rows = (scale(known) - mean) @ directions.mT
        return FlowLook(features, scale, mean, directions, self.training(rows, generator))


@dataclass(frozen=True, eq=False)
class FlowLook:
    """Points in, their ln p out, in float64."""

    features: Look
    scale: Standardise
    mean: Float[Tensor, "E"]
    directions: Float[Tensor, "D E"]
    flow: Flow

    @torch.no_grad()
    def __call__(self, inputs: Inputs, /) -> Float[Tensor, "N"]:
        return self.flow.log_density((self.scale(self.features(inputs)) - self.mean) @ self.directions.mT)


def _components(rows: Float[Tensor, "L E"], most: int) -> tuple[Float[Tensor, "E"], Float[Tensor, "D E"]]:
    """The mean, and the directions in which these rows vary most."""
    from sklearn.decomposition import PCA  # here, because it takes a second to import

    if not bool(rows.isfinite().all()):
        raise ValueError("features of labelled points must be finite numbers, but they are not; check the belief")
    wanted = min(most, max(1, len(rows) // POINTS), rows.shape[1])
    if bool((rows == rows[:1]).all()):
        raise ValueError(
            f"the features of all {len(rows)} labelled points are the same, so they have no density; label others, or "
            "take the confidence 'mahalanobis'"
        )
    pca = PCA(wanted, random_state=0).fit(rows.cpu().numpy())
    variances = np.asarray(pca.explained_variance_)
    directions = np.asarray(pca.components_)[variances > CONSTANT * variances[0]]
    return torch.from_numpy(np.asarray(pca.mean_)).to(rows), torch.from_numpy(directions).to(rows)
