"""How far a point belongs to what is learned: near to a labelled class, or where the belief has its density."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.numerics.mahalanobis import ClassGaussians
from bayesal.recipe import recipe
from bayesal.types import Density, Inputs
from bayesal.views.features import Features
from bayesal.views.networks import check_classes


@dataclass(frozen=True, eq=False)
class NotedLook:
    """Points in, scores out; ``notes``: what there is to know about them."""

    scores: Callable[[Inputs], Float[Tensor, "N"]]
    notes: tuple[str, ...] = field(default=())

    def __call__(self, inputs: Inputs, /) -> Float[Tensor, "N"]:
        return self.scores(inputs)


@dataclass(frozen=True, repr=False)
class NearClasses:
    """Rows are confidences -½ min_c (z - μ_c)ᵀ Σ⁻¹ (z - μ_c) of features z: how near the nearest class is.

    Means μ_c and the one covariance Σ are those of the labelled points (``numerics.mahalanobis``; Lee et al., NeurIPS
    2018): a class without a labelled point does not count. Features are those before the last layer, of several
    networks side by side. Raises ValueError where nothing is labelled, for a belief without features, for labels that
    are not classes.
    """

    shrinkage: float | int | None = None

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> NotedLook:
        check_classes(belief, pool, "distances to classes")
        features = Features()(belief, pool, generator=generator)
        if not len(pool.labels):
            raise ValueError("nothing is labelled yet, so nothing is near to a class; label a first batch at random")
        known = pool.scan(features, pool.labelled, what="looking at what is labelled")
        classes = ClassGaussians.fit(known, pool.targets().to(known.device), shrinkage=self.shrinkage)

        @torch.no_grad()
        def scores(inputs: Inputs) -> Tensor:
            return classes.squared_distances(features(inputs)) / -2

        return NotedLook(scores, classes.notes)


@dataclass(frozen=True, repr=False)
class LogDensity:
    """Rows are ln p(x), by a belief that knows how usual a point is (``Density``). Raises ValueError for others."""

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> NotedLook:
        if not isinstance(belief, Density):
            raise ValueError(
                f"a {type(belief).__name__} does not know the density of a point: use --posterior spn "
                "(SumProductNetwork), or give the belief a method log_density(inputs)"
            )

        @torch.no_grad()
        def scores(inputs: Inputs) -> Tensor:
            return belief.log_density(inputs)

        return NotedLook(scores)
