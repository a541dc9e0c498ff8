"""The points in features that were learned from the pool alone: for first labels, before there is any belief."""

from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.nn.functional import normalize

from bayesal.data.pool import Pool
from bayesal.data.sources import Source
from bayesal.learning.self_supervised import SelfTaught
from bayesal.networks import Standardise
from bayesal.recipe import recipe
from bayesal.types import Inputs
from bayesal.views.sampled import finite, sample_of, scale_for

_TRAINED: "WeakKeyDictionary[Source, dict[SelfSupervised, SelfSupervisedLook]]" = WeakKeyDictionary()


@dataclass(frozen=True, repr=False)
class SelfSupervised:
    """Rows are features of an encoder trained by Barlow Twins on the pool's points, ``N D`` of length 1.

    No belief and no label is asked. The encoder is that of ``training`` (``learning.SelfTaught``), on at most 10,000
    evenly spaced points of the whole pool, on its scale; ``seed`` is all the randomness, and not the selection's
    generator, so that every round of a study sees the same features. They are trained once for all pools over one
    source, and would be the same if trained again, as long as the source stays as it is. Features that are all 0 stay
    so. Whether they beat ``Principal`` depends on the images: of ten neighbours 94.6 % are of one class in place of
    92.0 % on 10,000 of MNIST (after 1000 of the 1500 steps), but 67.5 % in place of 74.3 % on 3000 of Fashion-MNIST
    (after 500). Raises ValueError for points that are not one tensor of finite numbers.
    """

    seed: int = 0
    training: SelfTaught = field(default_factory=SelfTaught)

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> "SelfSupervisedLook":
        try:
            known = _TRAINED.setdefault(pool.source, {})
            if self not in known:
                known[self] = self._look(pool)
            return known[self]
        except TypeError:  # a source or a setting of the user's that cannot be looked up
            return self._look(pool)

    def _look(self, pool: Pool) -> "SelfSupervisedLook":
        points = sample_of(pool)
        scale = scale_for(points)
        encoder = self.training(scale(points).float(), Generator().manual_seed(self.seed))
        return SelfSupervisedLook(scale, encoder)


@dataclass(frozen=True, eq=False)
class SelfSupervisedLook:
    """Points in, their features out."""

    scale: Standardise
    encoder: nn.Module

    @torch.no_grad()
    def __call__(self, inputs: Inputs, /) -> Float[Tensor, "N D"]:
        points = self.scale(finite(inputs)).float()
        if not len(points):
            return self.encoder(points.new_zeros(1, *points.shape[1:]))[:0]
        return normalize(self.encoder(points))
