"""How far a point belongs to what is learned: how near it is to a labelled class, in what a network sees of it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.networks.standardise import mean_and_spread
from bayesal.numerics.mahalanobis import ClassGaussians
from bayesal.recipe import recipe
from bayesal.types import Inputs
from bayesal.views.deep_features import DeepFeatures, uphill
from bayesal.views.features import Features
from bayesal.views.in_distribution import NotedLook
from bayesal.views.networks import check_classes


@dataclass(frozen=True, repr=False)
class NearClasses:
    """Rows are confidences -½ min_c (z - μ_c)ᵀ Σ⁻¹ (z - μ_c) of features z: how near the nearest class is.

    Means μ_c and the one covariance Σ are those of the labelled points (``numerics.mahalanobis``; Lee et al., NeurIPS
    2018): a class without a labelled point does not count. Features are those before the last layer, of several
    networks side by side.

    ``stages``: the mean of the confidences m_l at up to so many stages of the network (``networks.stages_of``), of
    features averaged over places, each stage with its own Σ. ``perturbation`` ε: m_l is looked at x + ε s sign ∇m_l(x),
    a small step that raises it, with s the standard deviations of the labelled points' inputs, of each column of a
    table, each channel of images. It takes a gradient and another pass for every stage.

    Raises ValueError where nothing is labelled, for a belief without features, for labels that are not classes; with
    stages or a perturbation also for a belief without a network, and for points that are not one tensor.
    """

    shrinkage: float | int | None = None
    stages: int = 1
    perturbation: float | int = 0.0

    __repr__ = recipe

    def __post_init__(self) -> None:
        if self.stages < 1:
            raise ValueError(f"stages must be at least 1, but it is {self.stages}")
        if not 0 <= self.perturbation < math.inf:
            raise ValueError(f"perturbation must be a number of at least 0, but it is {self.perturbation}")

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> NotedLook:
        check_classes(belief, pool, "distances to classes")
        depths = self._depths(belief, pool, generator)
        if not len(pool.labels):
            raise ValueError("nothing is labelled yet, so nothing is near to a class; label a first batch at random")
        classes = self._classes(depths, pool)
        near = Near(depths, classes)
        notes = tuple(dict.fromkeys(note for each in classes for note in each.notes))
        if not self.perturbation:
            return NotedLook(near, notes)
        step = float(self.perturbation) * mean_and_spread(_numbers(pool.gather(pool.labelled)))[1]
        return NotedLook(lambda inputs: near.raised(_numbers(inputs), step), notes)

    def _depths(self, belief: Any, pool: Pool, generator: Generator) -> Callable[[Inputs], list[Tensor]]:
        if self.stages == 1 and not self.perturbation:
            features = Features()(belief, pool, generator=generator)
            return lambda inputs: [features(inputs)]
        depths = DeepFeatures.of(belief, pool, self.stages)
        if self.perturbation and depths.looks_up:
            raise ValueError("points that a network looks up in a table cannot be moved a little; take perturbation=0")
        return depths

    def _classes(self, depths: Callable[[Inputs], list[Tensor]], pool: Pool) -> list[ClassGaussians]:
        with torch.no_grad():
            widths = [part.shape[1] for part in depths(pool.gather(pool.labelled[:1]))]
            known = pool.scan(lambda inputs: torch.cat(depths(inputs), 1), pool.labelled, what="looking at labels")
        targets = pool.targets().to(known.device)
        return [ClassGaussians.fit(part, targets, shrinkage=self.shrinkage) for part in known.split(widths, 1)]


@dataclass(frozen=True, eq=False)
class Near:
    """The mean over stages of how near points are to the nearest class."""

    depths: Callable[[Inputs], list[Tensor]]
    classes: Sequence[ClassGaussians]

    @torch.no_grad()
    def __call__(self, inputs: Inputs, /) -> Float[Tensor, "N"]:
        found = [known.squared_distances(z) for known, z in zip(self.classes, self.depths(inputs), strict=True)]
        return torch.stack(found).mean(0) / -2

    def raised(self, points: Tensor, step: Float[Tensor, "..."]) -> Float[Tensor, "N"]:
        """The same, where for each stage points have gone one ``step`` towards more of it, in every number."""
        total = torch.zeros(len(points), dtype=torch.float64, device=points.device)
        for number in range(len(self.classes)):
            moved = points + step.to(points) * uphill(lambda at: self._at(number, at), points)  # noqa: B023
            with torch.no_grad():
                total += self._at(number, moved)
        return total / len(self.classes)

    def _at(self, number: int, points: Tensor) -> Float[Tensor, "N"]:
        return self.classes[number].squared_distances(self.depths(points)[number]) / -2


def _numbers(inputs: Tensor) -> Tensor:
    return inputs if inputs.is_floating_point() else inputs.to(torch.get_default_dtype())
