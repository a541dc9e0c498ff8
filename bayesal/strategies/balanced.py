"""Batches with about as many points of each class, as far as a belief can guess them."""

from dataclasses import dataclass, field, replace
from typing import Any

from torch import Generator

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.selection.class_balanced import ClassBalanced, scores_and_classes
from bayesal.selection.top import top
from bayesal.strategies.contract import check_batch, selected
from bayesal.types import Rule, Selection
from bayesal.views.view import View


@dataclass(frozen=True, repr=False)
class Balanced:
    """Rows are (score, guessed class), of ``views.FeatureSim`` and its like or of ``views.Guessed(any scored view)``.

    ``rule`` picks by both: ``selection.ClassBalanced()``, or ``top`` by the score alone. Where the look has something
    to say about the rows (``notes``), the selection says it.
    """

    view: View[Any]
    rule: Rule = field(default_factory=ClassBalanced)

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        ids = pool.unlabelled
        check_batch(batch_size, len(ids))
        look = self.view(belief, pool, generator=generator)
        rows = pool.scan(look, ids, what="scoring the pool")
        scores, _ = scores_and_classes(rows)
        positions = self.rule(scores if self.rule is top else rows, batch_size, generator=generator)
        notes = getattr(look, "notes", lambda rows: ())(rows)
        return replace(selected(scores, positions, ids), notes=notes)
