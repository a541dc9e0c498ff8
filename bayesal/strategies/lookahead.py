"""Choosing what would change predictions most if the network were retrained with it."""

from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from bayesal.acquisitions import LookAhead, exact_look_ahead, sequential_look_ahead
from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.selection import top
from bayesal.strategies.contract import check_batch, named
from bayesal.types import Selection
from bayesal.views.lookahead import Blocks, Linearised


@dataclass(frozen=True, repr=False)
class LookingAhead:
    """The highest scores of ``acquisitions.LookAhead`` on ``subset`` points of the pool, drawn anew in each round.

    ``labels`` and ``objective`` are those of ``LookAhead.scores``. ``hypothetical``: picks one after the other, each
    retrained with the label that is likely there, which nobody has confirmed; where answers come at once, use
    ``acquisitions.sequential_look_ahead`` with an oracle.

    Raises ValueError for a batch larger than the subset, and as ``view`` does.
    """

    view: Linearised = field(default_factory=Linearised)
    subset: int = 4000
    labels: str = "likely"
    objective: str = "change"
    hypothetical: bool = False

    __repr__ = recipe

    def __post_init__(self) -> None:
        if self.view.kernel == "exact" and (self.labels, self.objective, self.hypothetical) != (
            "likely",
            "change",
            False,
        ):
            raise ValueError(
                "with the exact kernel of outputs only the change by likely labels is known, point by point"
            )

    def __call__(self, belief: Any, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        ids = pool.unlabelled
        check_batch(batch_size, len(ids))
        drawn = torch.arange(len(ids))
        if self.subset < len(ids):
            drawn = torch.randperm(len(ids), generator=generator)[: self.subset].sort().values
        if batch_size > len(drawn):
            raise ValueError(
                f"a batch of {batch_size} was asked for, but only {len(drawn)} points are looked ahead at; raise subset"
            )
        if batch_size == 0:
            nothing = torch.empty(0, dtype=torch.float64)
            return Selection([], nothing, nothing, drawn[:0])
        scores, positions, gains = self._picked(
            self.view(belief, pool, ids[drawn.numpy()], generator=generator), batch_size
        )
        chosen = positions.cpu()
        return named(Selection([], scores[positions], gains, drawn[chosen]), ids)

    def _picked(self, seen: Blocks, batch_size: int) -> tuple[Float[Tensor, "U"], Int[Tensor, "B"], Float[Tensor, "B"]]:
        """The score of every point alone, the picks, and the score of each when it was picked."""
        *blocks, ridge = seen
        if self.view.kernel == "exact":
            size, classes = seen.outputs.shape
            known = len(seen.labels)
            shapes = (known, classes, known, classes), (known, classes, size, classes), (size, classes, size, classes)
            kernels = [block.reshape(shape) for block, shape in zip(blocks[:3], shapes, strict=True)]
            scores = exact_look_ahead(*kernels, *blocks[3:], regularisation=ridge)
        else:
            state = LookAhead.of(*blocks, regularisation=ridge)
            scores = state.scores(self.labels, self.objective)
            if self.hypothetical:
                positions, gains, _ = sequential_look_ahead(
                    state, batch_size, labels=self.labels, objective=self.objective
                )
                return scores, positions, gains
        positions = top(scores, batch_size)
        return scores, positions, scores[positions]
