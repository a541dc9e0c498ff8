"""How usual a point is among those that are labelled: the density of its features, by a normalising flow."""

import math
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

POINTS = 2  # labelled ones for each component: on digits, 5 let strangers pass for the labelled
CONSTANT = 1e-9  # of the largest variance: below it, a component is one of rounding


@dataclass(frozen=True, repr=False)
class FlowDensity:
    """Rows are ln p(z) of standardised features z, with p fitted to those of what is labelled.

    ln p(z) = ln q(u) + ln N(r; 0, σ² I): q is a normalising flow (``learning.NormalisingFlow``, set by ``training``) of
    the first ``num_components`` principal components u, of which there are no more than one for every two labelled
    points; r is what they leave of z, and σ² its variance (Tipping and Bishop, 1999, with a flow for the Gaussian of
    u). Without r, strangers between the classes look usual. Features are those before the last layer, of several
    networks side by side; all is fitted anew at every call, to the labelled points, from the generator. If they leave
    nothing of their z, r does not count, which is noted.

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
        components = Components.of(scale(known), self.num_components)
        flow = self.training(components(scale(known))[0], generator)
        return FlowLook(features, scale, components, flow, components.notes)


@dataclass(frozen=True, eq=False)
class Components:
    """Rows to (their components, ln N of what those leave)."""

    mean: Float[Tensor, "E"]
    directions: Float[Tensor, "D E"]
    variance: float
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, rows: Float[Tensor, "L E"], most: int) -> "Components":
        from sklearn.decomposition import PCA  # here, because it takes a second to import

        if not bool(rows.isfinite().all()):
            raise ValueError("features of labelled points must be finite numbers, but they are not; check the belief")
        if bool((rows == rows[:1]).all()):
            raise ValueError(
                f"the features of all {len(rows)} labelled points are the same, so they have no density; label others, "
                "or take the confidence 'mahalanobis'"
            )
        wanted = min(most, len(rows) // POINTS, rows.shape[1])
        pca = PCA(wanted, random_state=0).fit(rows.cpu().numpy())
        variances = np.asarray(pca.explained_variance_)
        directions = np.asarray(pca.components_)[variances > CONSTANT * variances[0]]
        mean, found = (torch.from_numpy(part).to(rows) for part in (np.asarray(pca.mean_), directions))
        others = rows.shape[1] - len(found)
        if not others:
            return cls(mean, found, 0.0)
        apart = rows - mean
        left = float((apart - apart @ found.mT @ found).square().sum(1).mean())
        if not left > CONSTANT * variances[0]:
            seen = f"{len(rows)} labelled points vary in {len(found)} of {rows.shape[1]} directions"
            return cls(mean, found, 0.0, (f"{seen}, so the others do not count",))
        return cls(mean, found, left / others)

    def __call__(self, rows: Float[Tensor, "N E"]) -> tuple[Float[Tensor, "N D"], Float[Tensor, "N"]]:
        apart = rows - self.mean
        components = apart @ self.directions.mT
        if not self.variance:
            return components, apart.new_zeros(len(apart))
        others = len(self.mean) - len(self.directions)
        left = (apart - components @ self.directions).square().sum(1) / self.variance
        return components, -(left + others * math.log(2 * math.pi * self.variance)) / 2


@dataclass(frozen=True, eq=False)
class FlowLook:
    """Points in, their ln p out, in float64; ``notes``: what there is to know about them."""

    features: Look
    scale: Standardise
    components: Components
    flow: Flow
    notes: tuple[str, ...] = field(default=())

    @torch.no_grad()
    def __call__(self, inputs: Inputs, /) -> Float[Tensor, "N"]:
        components, others = self.components(self.scale(self.features(inputs)))
        return self.flow.log_density(components) + others
