"""Rows in as few numbers as they span: where there are fewer rows than features."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Shaped
from torch import Generator, Tensor

from bayesal.numerics.kronecker import Kronecker
from bayesal.recipe import recipe
from bayesal.representations.door import checked
from bayesal.representations.represented import Represented


@dataclass(frozen=True, repr=False)
class Spanned:
    """Coordinates in place of the rows; see :func:`spanned`."""

    __repr__ = recipe

    def __call__(self, represented: Represented, /, *, generator: Generator) -> Represented:
        known, rows = _features(represented.known), _features(represented.rows)
        if represented.kernel is not None or rows.ndim != 2 or len(known) + len(rows) >= rows.shape[1]:
            return represented
        checked(represented)
        basis = torch.linalg.qr(torch.cat([known, rows]).double().mT).Q
        return replace(represented, known=_on(represented.known, basis), rows=_on(represented.rows, basis))


def spanned() -> Spanned:
    """φ Q, the columns of Q an orthonormal basis of what the known rows and those to choose from span: as many numbers
    as there are rows.

    Inner products stay as they are, in float64; what rules compute of them costs less. Of products (``Kronecker``) the
    right factors are taken. Rows that are no fewer than their numbers, have a kernel or another shape stay untouched.
    Raises ValueError for NaN and infinities.
    """
    return Spanned()


def _features(rows: Shaped[Tensor, "N ..."]) -> Tensor:
    return rows.right if isinstance(rows, Kronecker) else rows


def _on(rows: Shaped[Tensor, "N ..."], basis: Float[Tensor, "D P"]) -> Tensor:
    if isinstance(rows, Kronecker):
        return Kronecker(rows.left.double(), rows.right.double() @ basis)
    return rows.double() @ basis
