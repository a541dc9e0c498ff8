"""What a belief's own judge says of points."""

from dataclasses import dataclass
from typing import Any

from torch import Generator

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.types import Judges, Look
from bayesal.views.networks import check_classes


@dataclass(frozen=True, repr=False)
class Judged:
    """Rows are scores: ``belief.judge``, larger for points worth more.

    ``by``: the posterior whose judge is meant, as ``bayesal run --posterior`` names it; a belief that says that its
    judge is another one is refused. ``classes``: the judge looks at the probabilities of classes.
    Raises ValueError for a belief without a judge, and for one of other labels if those must be classes.
    """

    by: str
    classes: bool = False

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> Look:
        if not isinstance(belief, Judges):
            raise ValueError(
                f"a {type(belief).__name__} has no judge of its own: use --posterior {self.by} (its learner trains "
                "one), or give the belief a method judge(inputs) that gives one number a point"
            )
        whose = getattr(belief, "judged_by", "") or self.by
        if whose != self.by:
            raise ValueError(
                f"the judge of this belief is that of {whose}, but that of {self.by} is asked for: "
                f"use --posterior {self.by}, or the method that goes with {whose}"
            )
        if self.classes:
            check_classes(belief, pool, f"the scores of {self.by}")
        return belief.judge
