"""Many rows against one direction: products screened in the rows' precision, decisions taken in float64.

Rows are ``N m``, dense or :class:`~bayesal.numerics.kronecker.Kronecker`, whose products use the factors.
"""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from bayesal.numerics.distance.screen import less_products, rounding
from bayesal.numerics.kronecker import Kronecker

ELEMENTS = 2**18  # numbers of float64 written down together: 2 MiB stay in the cache


def as_rows(rows: Tensor, name: str) -> Float[Tensor, "N m"]:
    """Float rows ``N m`` without gradient, at least float32. Raises ValueError for another shape or type."""
    if rows.ndim != 2 or not rows.is_floating_point():
        raise ValueError(f"{name} are floats of shape (N, m), but these are {rows.dtype} of shape {tuple(rows.shape)}")
    rows = rows.detach()
    return rows if rows.dtype in (torch.float32, torch.float64) else rows.float()


def lengths(rows: Float[Tensor, "N m"], name: str) -> Float[Tensor, "N"]:
    """The length of every row, in float64. Raises ValueError, naming the first such row, for NaN and infinities."""
    if isinstance(rows, Kronecker):
        long = lengths(rows.left, name) * lengths(rows.right, name)
    else:
        long = rows.new_empty(len(rows), dtype=torch.float64)  # joining parts would fragment the heap
        for some in _parts(rows):
            long[some] = torch.linalg.vector_norm(rows[some], dim=1, dtype=torch.float64)
    bad = ~long.isfinite()
    if bool(bad.any()):
        raise ValueError(f"{name} must be finite numbers, but row {int(bad.nonzero()[0])} holds NaN or an infinity")
    return long


def total(rows: Float[Tensor, "N m"]) -> Float[Tensor, "m"]:
    """The sum of all rows, in float64."""
    if not isinstance(rows, Kronecker):
        summed = rows.new_zeros(rows.shape[1], dtype=torch.float64)
        for some in _parts(rows):
            summed += rows[some].sum(0, dtype=torch.float64)
        return summed
    matrix = rows.left.new_zeros(rows.left.shape[1], rows.right.shape[1], dtype=torch.float64)
    for some in _parts(rows.right):
        matrix.addmm_(rows.left[some].double().mT, rows.right[some].double())
    return matrix.flatten()


def combined(weights: Float[Tensor, "N"], rows: Float[Tensor, "N m"]) -> Float[Tensor, "m"]:
    """The weighted sum of all rows, as exact as the rows' precision."""
    if isinstance(rows, Kronecker):
        return ((weights.to(rows.dtype)[:, None] * rows.left).mT @ rows.right).flatten().double()
    return (weights.to(rows.dtype) @ rows).double()


def products(rows: Float[Tensor, "N m"], direction: Float[Tensor, "m"]) -> Float[Tensor, "N"]:
    """The inner product of every row with the direction, as exact as the rows' precision."""
    if isinstance(rows, Kronecker):
        matrix = direction.view(rows.left.shape[1], rows.right.shape[1]).to(rows.dtype)
        return ((rows.right @ matrix.mT) * rows.left).sum(1).double()
    return less_products(rows.new_zeros(()), rows, direction.to(rows.dtype)[None])[:, 0].double().mul_(-0.5)


def exact_products(rows: Float[Tensor, "N m"], direction: Float[Tensor, "m"]) -> Float[Tensor, "N"]:
    """The same in float64, whatever the rows' precision."""
    if rows.dtype == torch.float64:
        return products(rows, direction)
    found = torch.empty(len(rows), dtype=torch.float64, device=direction.device)
    for some in _parts(rows.right if isinstance(rows, Kronecker) else rows):
        if isinstance(rows, Kronecker):
            found[some] = products(Kronecker(rows.left[some].double(), rows.right[some].double()), direction)
        else:
            found[some] = rows[some].double() @ direction
    return found


def best_along(
    rows: Float[Tensor, "N m"],
    long: Float[Tensor, "N"],
    direction: Float[Tensor, "m"],
    open_: Bool[Tensor, "N"],
    value: Callable[[Float[Tensor, "P"], Int[Tensor, "P"]], Float[Tensor, "P"]],
) -> tuple[int, float]:
    """The open row of the largest ``value(products, positions)``, and that value; ties: the lowest position.

    ``long``: the rows' lengths. ``value`` must not fall as a product grows. Products in the rows' precision, and how
    far they may be off, find the few rows that can be the best; those are computed in float64.
    """
    positions = open_.nonzero().squeeze(1)
    rough = products(rows, direction)[positions]
    if rows.dtype != torch.float64:
        off = long[positions] * (torch.linalg.vector_norm(direction) * _rounding(rows))
        least = value(rough - off, positions).max()
        positions = positions[value(rough + off, positions) >= least]
        rough = exact_products(rows[positions], direction)
    exact = value(rough, positions)
    best = int(exact.argmax())  # argmax gives the first of equals
    return int(positions[best]), float(exact[best])


def _rounding(rows: Float[Tensor, "N m"]) -> float:
    """How far a product of unit vectors may be off: one rounding a term, and one of each factor."""
    terms = sum(rows.left.shape[1:] + rows.right.shape[1:]) if isinstance(rows, Kronecker) else rows.shape[1]
    return max((terms + 4) * torch.finfo(rows.dtype).eps, rounding(terms))


def _parts(rows: Tensor) -> Iterator[slice]:
    step = max(1, ELEMENTS // max(1, rows.shape[1]))
    for start in range(0, len(rows), step):
        yield slice(start, start + step)
