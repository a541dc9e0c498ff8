"""Rows of features, R a point, written down or products (``Kronecker``): what rules that follow variances do with them.

A point is a matrix V of ``R D``; features ``N D`` are points of one row. Everything is computed in float64, some points
at a time, except inner products with directions of another type.
"""

from itertools import combinations, combinations_with_replacement

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from bayesal.numerics.kronecker import Kronecker

ELEMENTS = 2**21  # numbers in one block: 16 MiB
PIECES = 4  # of symmetric products, of which what is below the diagonal is left out


def factor_rows(rows: Tensor, name: str) -> Float[Tensor, "N R D"]:
    """Floats ``N D`` or ``N R D`` as ``N R D``, at least float32; anything else gets a ValueError. ``name``: a rule."""
    if rows.ndim not in (2, 3) or not rows.is_floating_point() or 0 in rows.shape[1:]:
        raise ValueError(
            f"{name} chooses among features of shape (N, D), or (N, R, D) where a point has R rows, but these are "
            f"{rows.dtype} of shape {tuple(rows.shape)}; give features, or a kernel where the rule takes one"
        )
    dtype = torch.promote_types(rows.dtype, torch.float32)
    if isinstance(rows, Kronecker):
        return Kronecker((rows.left if rows.ndim == 3 else rows.left[:, None]).to(dtype), rows.right.to(dtype))
    return (rows if rows.ndim == 3 else rows[:, None]).detach().to(dtype)


def norms(rows: Float[Tensor, "N R D"], what: str = "row") -> Float[Tensor, "N"]:
    """The length of every point's numbers, √tr VVᵀ. Raises ValueError for NaN and infinities."""
    if isinstance(rows, Kronecker):
        lengths = _lengths(rows.left.flatten(1)) * _lengths(rows.right)
    else:
        lengths = _lengths(rows.flatten(1))
    if not bool(lengths.isfinite().all()):
        raise ValueError(
            f"features must be finite numbers, but {what} {int((~lengths.isfinite()).nonzero()[0])} holds NaN or "
            "infinity; check the model that made them"
        )
    return lengths


def against(rows: Float[Tensor, "N R D"], directions: Float[Tensor, "T D"]) -> Float[Tensor, "N R T"]:
    """The inner products of all rows with all directions, in the directions' type."""
    if not isinstance(rows, Kronecker) and rows.dtype == directions.dtype:
        return rows @ directions.mT
    num_rows, width, num_directions = rows.shape[1], _width(rows), len(directions)
    products = directions.new_empty(len(rows), num_rows, num_directions)
    per_point = width + num_directions * (rows.left.shape[2] + num_rows) if isinstance(rows, Kronecker) else width
    for some in point_blocks(len(rows), per_point):
        products[some] = _against(rows[some], directions)
    return products


def quadratics(rows: Float[Tensor, "N R D"], matrix: Float[Tensor, "D D"] | float) -> Float[Tensor, "N R R"]:
    """V M Vᵀ of every point V, for a symmetric M; a number stands for that times the identity."""
    size = rows.shape[1]
    products = torch.empty(len(rows), size, size, dtype=torch.float64, device=rows.device)
    for some in point_blocks(len(rows), rows.shape[1] * rows.shape[2]):
        products[some] = _quadratics(rows[some], matrix)
    return products


def moment(rows: Float[Tensor, "N R D"]) -> Float[Tensor, "D D"]:
    """Σ VᵀV over all points."""
    total = torch.zeros(rows.shape[2], rows.shape[2], dtype=torch.float64, device=rows.device)
    pieces = _pieces(rows.shape[2], rows.left.shape[2] if isinstance(rows, Kronecker) else PIECES)
    for some in point_blocks(len(rows), _width(rows)):
        if isinstance(rows, Kronecker):
            right, weights = rows.right[some].double(), _outer(rows.left[some].double())
            for (i, first), (j, second) in combinations_with_replacement(enumerate(pieces), 2):
                total[first, second].addmm_((right * weights[:, i, j, None]).mT, right)
        else:
            values = rows[some].flatten(0, 1).double()
            for piece in pieces:
                total[piece, piece.start :].addmm_(values[:, piece].mT, values[:, piece.start :])
    for first, second in combinations(pieces, 2):
        total[second, first] = total[first, second].mT
    return total


def applied(point: Float[Tensor, "1 R D"], matrix: Float[Tensor, "D D"] | float) -> Float[Tensor, "R D"]:
    """V M of one point, for a symmetric M; a number stands for that times the identity."""
    if not isinstance(matrix, Tensor):
        return written(point)[0] * matrix
    if isinstance(point, Kronecker):  # the right factor first: one pass over M, however many rows the point has
        left, right = point.left[0].double(), point.right[0].double()
        return left @ (matrix.reshape(-1, len(right)) @ right).view(len(matrix), -1).mT
    return written(point)[0] @ matrix


def written(points: Float[Tensor, "P R D"]) -> Float[Tensor, "P R D"]:
    """In float64, products written down."""
    if isinstance(points, Kronecker):
        return Kronecker(points.left.double(), points.right.double()).dense()
    return points.double()


def same(rows: Shaped[Tensor, "N ..."], point: Shaped[Tensor, "1 ..."]) -> Bool[Tensor, "N"]:
    """Which points have the very numbers of this one, whatever a row is."""
    if isinstance(rows, Kronecker) and isinstance(point, Kronecker):
        return (rows.left == point.left).flatten(1).all(1) & (rows.right == point.right).all(1)
    equal = rows == point
    return equal if equal.ndim == 1 else equal.flatten(1).all(1)


def point_blocks(num_points: int, per_point: int) -> list[slice]:
    """Points that are looked at together, when each needs so many numbers."""
    step = max(1, ELEMENTS // max(1, per_point))
    return [slice(start, start + step) for start in range(0, num_points, step)]


def _against(rows: Float[Tensor, "n R D"], directions: Float[Tensor, "T D"]) -> Float[Tensor, "n R T"]:
    if not isinstance(rows, Kronecker):
        return rows.to(directions.dtype) @ directions.mT
    left, right = rows.left.to(directions.dtype), rows.right.to(directions.dtype)
    by_left = directions.view(len(directions), -1, right.shape[1]).transpose(0, 1)  # C T d
    return left @ (right @ by_left.flatten(0, 1).mT).view(len(rows), -1, len(directions))


def _quadratics(rows: Float[Tensor, "n R D"], matrix: Float[Tensor, "D D"] | float) -> Float[Tensor, "n R R"]:
    if not isinstance(rows, Kronecker):
        values = rows.double()
        if not isinstance(matrix, Tensor):
            return values @ values.mT * matrix
        return (values @ matrix) @ values.mT if values.shape[1] > 1 else _one_each(values[:, 0], matrix)
    left, right = rows.left.double(), rows.right.double()
    num_left, width = left.shape[2], right.shape[1]
    if not isinstance(matrix, Tensor):
        return left @ left.mT * (right.square().sum(1) * matrix)[:, None, None]
    inner = left.new_empty(len(rows), num_left, num_left)
    for i in range(num_left):
        reached = right @ matrix[i * width : (i + 1) * width, i * width :]
        inner[:, i, i:] = (reached.view(len(rows), -1, width) @ right[:, :, None])[:, :, 0]
        inner[:, i + 1 :, i] = inner[:, i, i + 1 :]
    return left @ inner @ left.mT


def _one_each(values: Float[Tensor, "n D"], matrix: Float[Tensor, "D D"]) -> Float[Tensor, "n 1 1"]:
    total = values.new_zeros(len(values))
    for piece in _pieces(values.shape[1], PIECES):
        part = (values[:, piece] @ matrix[piece, piece.start :]).mul_(values[:, piece.start :])
        total += 2 * part.sum(1) - part[:, : piece.stop - piece.start].sum(
            1
        )  # what is beside the diagonal counts twice
    return total[:, None, None]


def _pieces(width: int, count: int) -> list[slice]:
    """Columns in pieces."""
    step = -(-width // count)
    return [slice(start, min(start + step, width)) for start in range(0, width, step)]


def _outer(left: Float[Tensor, "n R C"]) -> Float[Tensor, "n C C"]:
    return left.mT @ left


def _lengths(values: Float[Tensor, "N D"]) -> Float[Tensor, "N"]:
    lengths = torch.empty(len(values), dtype=torch.float64, device=values.device)
    for some in point_blocks(len(values), values.shape[1]):
        lengths[some] = torch.linalg.vector_norm(values[some].double(), dim=1)
    return lengths


def _width(rows: Float[Tensor, "N R D"]) -> int:
    return rows.right.shape[1] if isinstance(rows, Kronecker) else rows.shape[1] * rows.shape[2]
