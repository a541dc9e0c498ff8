"""Several representations of the same points as one: their rows side by side, each read by a kernel of its own."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Shaped
from torch import Tensor

from bayesal.numerics.inner import Inner
from bayesal.numerics.kronecker import Kronecker
from bayesal.representations.combined import Part, Product
from bayesal.representations.door import as_features, has_features
from bayesal.representations.represented import Represented


def side_by_side(several: Sequence[Represented]) -> tuple[Represented, tuple[Part, ...]]:
    """One representation without a kernel yet, and the kernels that read its columns; all notes, the first's labels.

    Raises ValueError for none, and for numbers of rows or kinds of numbers that differ.
    """
    if not several:
        raise ValueError("there is nothing to put side by side; give at least one representation")
    several = [as_kernel(some) for some in several]
    first = several[0]
    for some in several[1:]:
        if len(some.rows) != len(first.rows) or len(some.known) != len(first.known):
            raise ValueError(
                "representations side by side must be of the same points, but one has "
                f"{len(first.known)} known rows and {len(first.rows)} to choose from, another {len(some.known)} and "
                f"{len(some.rows)}"
            )
        if some.rows.is_floating_point() != first.rows.is_floating_point():
            raise ValueError(
                f"representations side by side must be of one kind of number, but are {first.rows.dtype} and "
                f"{some.rows.dtype}"
            )
    parts, start = [], 0
    for some in several:
        stop = start + _flat(some.rows).shape[1]
        parts.append(Part(start, stop, some.kernel or Inner(), inner_shape(some.rows)))
        start = stop
    joined = replace(
        first,
        known=torch.cat([_flat(some.known) for some in several], 1),
        rows=torch.cat([_flat(some.rows) for some in several], 1),
        kernel=None,
        notes=tuple(dict.fromkeys(note for some in several for note in some.notes)),
    )
    return joined, tuple(parts)


def as_kernel(represented: Represented) -> Represented:
    """The same with a kernel and no products of rows: features get their inner product, products their factors' own.

    Raises ValueError for features that are not of the shape (N, D).
    """
    if not has_features(represented):
        return represented
    represented = as_features(represented, "a kernel")
    rows, known = represented.rows, represented.known
    if isinstance(rows, Kronecker) and isinstance(known, Kronecker):
        left, right = rows.left.shape[1], rows.right.shape[1]
        return replace(
            represented,
            known=torch.cat([known.left, known.right], 1),
            rows=torch.cat([rows.left, rows.right], 1),
            kernel=Product((Part(0, left), Part(left, left + right))),
        )
    return replace(represented, kernel=Inner())


def inner_shape(rows: Shaped[Tensor, "N ..."]) -> tuple[int, ...] | None:
    """The shape of one row; None where it is flat."""
    return None if rows.ndim == 2 else tuple(rows.shape[1:])


def _flat(rows: Shaped[Tensor, "N ..."]) -> Shaped[Tensor, "N D"]:
    return rows.reshape(len(rows), rows.shape[1:].numel())
