"""Points whose prediction changes when their features are mixed a little with those of a class."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.representations.feature_mixing import class_anchors, flips, optimised_flips
from bayesal.selection.k_means import KMeans
from bayesal.strategies.contract import check_batch, named
from bayesal.types import Selection
from bayesal.views.features import Features
from bayesal.views.head import Head, head_of
from bayesal.views.networks import check_classes


@dataclass(frozen=True, repr=False)
class FeatureMixing:
    """Candidates are points whose label flips when mixed with an anchor; k-means chooses among them (ALFA-Mix).

    Parvaneh et al. (CVPR 2022). Anchors are the mean labelled features of each class. A mix moves features by at most
    cap / √D of the distance to the anchor; the cap grows in steps of ``cap`` until there are more than B candidates, or
    it is 1 or more. Of the candidates, with features of length 1, the one nearest to each of B centres is chosen; the
    batch is filled at random, without replacement, where there are fewer, and both are noted. ``steps``: 0 for the
    closed form, else steps of Adam that look for the mix, within [0, cap]. Scores are 1 for candidates and 0 for
    others. Raises ValueError for a cap that is not above 0, where nothing is labelled, and for labels that are not
    classes.
    """

    cap: float = 0.2
    steps: int = 0

    __repr__ = recipe

    def __post_init__(self) -> None:
        if not 0 < self.cap <= 1 or self.steps < 0:
            raise ValueError(
                f"a cap is above 0 and up to 1, and steps are at least 0, but they are {self.cap} and {self.steps}"
            )

    def __call__(self, belief: Any, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        ids = pool.unlabelled
        check_batch(batch_size, len(ids))
        check_classes(belief, pool, "features mixed with those of a class")
        look = Features()(belief, pool, generator=generator)
        head = head_of(belief, pool)
        if len(head.weight) < 2:
            raise ValueError(
                "features are mixed until another label is more likely, but the model knows only one class"
            )
        known = pool.scan(look, pool.labelled, what="looking at what is labelled")
        labels = pool.targets() if len(known) else torch.empty(0, dtype=torch.int64)
        anchors = class_anchors(known, labels, len(head.weight))
        rows = pool.scan(look, ids, what="looking at the pool")
        return named(self.select(rows, anchors, head, batch_size, generator=generator), ids)

    def select(
        self,
        rows: Float[Tensor, "N D"],
        anchors: Float[Tensor, "C D"],
        head: Head,
        batch_size: int,
        *,
        generator: Generator,
    ) -> Selection:
        """B of these features."""
        flipped, cap = self.candidates(rows, anchors, head, batch_size)
        candidates = flipped.nonzero().squeeze(1)
        notes = (
            f"{len(candidates)} of {len(rows)} predictions change when features are mixed up to a cap of {cap:.3g}",
        )
        if len(candidates) > batch_size:
            unit = torch.nn.functional.normalize(rows[candidates].double(), dim=1)
            chosen = candidates[KMeans()(unit, batch_size, generator=generator).to(candidates.device)]
        else:
            chosen = candidates
        if (missing := batch_size - len(chosen)) > 0:
            others = (~flipped).nonzero().squeeze(1)
            drawn = torch.randperm(len(others), generator=generator)[:missing].to(others.device)
            chosen = torch.cat([chosen, others[drawn]])
            notes += (f"{missing} of {batch_size} points were drawn at random, since no more predictions change",)
        scores = flipped[chosen].double()
        return Selection(chosen.tolist(), scores, scores, chosen, notes)

    def candidates(
        self, rows: Float[Tensor, "N D"], anchors: Float[Tensor, "C D"], head: Head, batch_size: int
    ) -> tuple[Bool[Tensor, "N"], float]:
        """Whose label flips, and the cap at which that was enough."""
        weight, bias = head.weight.to(rows), head.bias.to(rows)
        times = 1
        while True:
            cap = times * self.cap
            if self.steps:
                flipped = optimised_flips(rows, anchors, weight, bias, min(cap, 1.0), steps=self.steps)
            else:
                flipped = flips(rows, anchors, weight, bias, cap)
            if int(flipped.sum()) > batch_size or cap >= 1:
                return flipped, cap
            times += 1
