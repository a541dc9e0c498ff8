"""Rows of length 1: only their direction counts."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Shaped
from torch import Generator, Tensor

from bayesal.numerics.kronecker import Kronecker
from bayesal.recipe import recipe
from bayesal.representations.door import as_features, wide
from bayesal.representations.mapped import mapped
from bayesal.representations.represented import Represented


@dataclass(frozen=True, repr=False)
class Unit:
    """Rows over their lengths; see :func:`unit`."""

    __repr__ = recipe

    def __call__(self, represented: Represented, /, *, generator: Generator) -> Represented:
        represented = as_features(represented, "unit")
        return replace(represented, known=_normalised(represented.known), rows=_normalised(represented.rows))


def unit() -> Unit:
    """φ / ‖φ‖: the kernel is the cosine, k / √(k(x, x) k(x', x')). Rows of zeros stay zero.

    Rows stay in their precision. Raises ValueError for a kernel without features and for NaN and infinities.
    """
    return Unit()


def _normalised(rows: Shaped[Tensor, "N D"]) -> Shaped[Tensor, "N D"]:
    if isinstance(rows, Kronecker):
        return Kronecker(_normalised(rows.left), _normalised(rows.right))

    def of(block: Tensor) -> Tensor:
        largest = block.double().abs().amax(1, keepdim=True) if block.shape[1] else block.new_ones(len(block), 1)
        shrunk = block.double() / largest.where(largest > 0, 1)  # whose squares neither vanish nor overflow
        length = torch.linalg.vector_norm(shrunk, dim=1, keepdim=True)
        return shrunk / length.where(length > 0, 1)

    return mapped(rows, of, rows.shape[1], wide(rows.dtype))
