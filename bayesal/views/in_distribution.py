"""How far a point belongs to what is learned, by a belief that has a density of points."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.types import Density, Inputs


@dataclass(frozen=True, eq=False)
class NotedLook:
    """Points in, scores out; ``notes``: what there is to know about them."""

    scores: Callable[[Inputs], Float[Tensor, "N"]]
    notes: tuple[str, ...] = field(default=())

    def __call__(self, inputs: Inputs, /) -> Float[Tensor, "N"]:
        return self.scores(inputs)


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
