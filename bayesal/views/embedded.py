"""Rows that are made of logits and features, and are wider than those: kept small while the pool is scanned."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jaxtyping import Float, Shaped
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.types import Inputs
from bayesal.views.last_layer import LastLayer, LastLayerLook


@dataclass(frozen=True, eq=False)
class EmbeddedLook:
    """Points in, logits and features side by side out; ``unpack`` makes the rows a rule wants of those."""

    last_layer: LastLayerLook
    embedding: Callable[[Tensor, Tensor], Tensor]

    def __call__(self, inputs: Inputs, /) -> Float[Tensor, "N E"]:
        return self.last_layer(inputs)

    def unpack(self, rows: Float[Tensor, "N E"]) -> Shaped[Tensor, "N ..."]:
        """``embedding(logits, features)`` of rows the look gave."""
        return self.embedding(*self.last_layer.split(rows))


@dataclass(frozen=True, repr=False)
class Embedded:
    """Rows are ``embedding(logits, features)``: ``representations.badge_embedding``, ``fisher_factors``, or your own.

    ``last_layer`` says where logits and features come from. What is made of them may be products of rows
    (``numerics.kronecker``), which a scan would write down: a strategy calls the look's ``unpack`` after it.
    """

    embedding: Callable[[Tensor, Tensor], Tensor]
    last_layer: LastLayer = field(default_factory=LastLayer)

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> EmbeddedLook:
        return EmbeddedLook(self.last_layer(belief, pool, generator=generator), self.embedding)
