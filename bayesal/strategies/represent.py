"""Base kernel × transformations × selection rule: the framework of kernel methods, in one strategy."""

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Generator, Tensor
from torch.distributions import Normal

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.representations import Represented, Transform
from bayesal.selection.greedy import grow
from bayesal.strategies.contract import check_batch, named, seen_beside
from bayesal.types import BesideRule, GreedyRule, Selection
from bayesal.views.networks import predictions_at_one
from bayesal.views.view import View


@dataclass(frozen=True, repr=False)
class Represent:
    """``base`` shows what is labelled and what is not as rows, ``transforms`` change both, and the rule chooses.

    Batch mode deep active learning (Holzmüller, Zaverkin, Kästner and Steinwart, 2023): ``base`` is a view of features
    whose inner products are a kernel, or whose look has a ``kernel``; ``transforms`` are values of
    :mod:`bayesal.representations`, applied in turn; ``rule`` is greedy. ``given``: the labelled rows are given to the
    rule (the paper's mode TP); else it starts from nothing (mode P), usually after a ``posterior`` that knows them.
    Needs no labels, except for transformations that say so.
    """

    base: View[Any]
    rule: GreedyRule[Any]
    transforms: tuple[Transform, ...] = field(default=())
    given: bool = False

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        ids = pool.unlabelled
        check_batch(batch_size, len(ids))
        seen = self.represented(belief, pool, generator=generator)
        rule: Any = self.rule
        if seen.kernel is not None:
            rule = replace(rule, kernel=seen.kernel)
        if not self.given and isinstance(self.rule, BesideRule):  # what is labelled counts, also if it is not given
            rule = replace(rule, beside=seen.known)
        given = seen.known if self.given else None
        selection = grow(rule, seen.rows, batch_size, given=given, generator=generator)
        return named(replace(selection, notes=seen.notes + selection.notes), ids)

    def represented(self, belief: Any, pool: Pool, *, generator: Generator) -> Represented:
        """The rows of the pool, and the kernel between them, after all transformations."""
        with torch.no_grad():
            look = self.base(belief, pool, generator=generator)
            known, rows = seen_beside(look, pool)
            seen = Represented(known, rows, getattr(look, "kernel", None), _labels(belief, pool))
            for transform in self.transforms:
                seen = transform(seen, generator=generator)
        return seen


def _labels(belief: Any, pool: Pool) -> Tensor | None:
    """What is known; whole numbers are floats where the belief says that they are amounts, not classes."""
    if not len(pool.labels):
        return None
    labels = pool.targets()
    if not labels.is_floating_point() and isinstance(predictions_at_one(belief, pool), Normal):
        return labels.double()
    return labels
