"""What rows must be, before anything is made of them."""

import math
from dataclasses import replace

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from bayesal.numerics.inner import Inner
from bayesal.numerics.kronecker import Kronecker
from bayesal.numerics.linalg import blocks
from bayesal.representations.represented import Represented


def flat(rows: Shaped[Tensor, "N ..."]) -> Float[Tensor, "N D"]:
    """One row of numbers a point. Raises ValueError for rows that are no floats."""
    if not rows.is_floating_point():
        raise ValueError(f"a kernel of inputs needs floats, but these are {rows.dtype}; convert them first")
    return rows.reshape(len(rows), math.prod(rows.shape[1:]))


def check_finite(rows: Shaped[Tensor, "N ..."], name: str = "rows") -> None:
    """Raises ValueError that says where the first NaN or infinity is."""
    if isinstance(rows, Kronecker):
        check_finite(rows.left, name)
        check_finite(rows.right, name)
        return
    if not rows.is_floating_point():
        return
    for some in blocks(len(rows), rows[:1].numel()):
        if bool(rows[some].sum().isfinite()):  # half the memory and a fraction of the time of asking every number
            continue
        bad = ~rows[some].isfinite().reshape(len(rows[some]), -1).all(1)
        if bool(bad.any()):
            place = some.start + int(bad.nonzero()[0])
            raise ValueError(f"{name} must be finite numbers, but row {place} holds NaN or infinity")


def checked(represented: Represented) -> Represented:
    """The same. Raises ValueError for NaN or infinities."""
    check_finite(represented.known, "the known rows")
    check_finite(represented.rows, "rows")
    return represented


def has_features(represented: Represented) -> bool:
    """Whether the kernel is the inner product of the rows."""
    return represented.kernel is None or isinstance(represented.kernel, Inner)


def as_features(represented: Represented, what: str) -> Represented:
    """The same with rows ``N D`` and no kernel. Raises ValueError for a kernel without features, other shapes, NaN."""
    if not has_features(represented):
        raise ValueError(
            f"{what} needs features, but these rows have the kernel {type(represented.kernel).__name__}; sketch it "
            "first if it is made of features, or use posterior and acs_grad, which take any kernel"
        )
    for rows in (represented.known, represented.rows):
        if rows.ndim != 2 or not rows.is_floating_point():
            raise ValueError(
                f"{what} needs features of shape (N, D), but these are {rows.dtype} of shape {tuple(rows.shape)}"
            )
    return checked(replace(represented, kernel=None))


def check_noise(noise: float | int, *, zero: bool = True) -> None:
    """Raises ValueError unless it is a number above 0 (or 0, with ``zero``)."""
    if not (0 <= noise < math.inf and (zero or noise > 0)):
        least = "of at least" if zero else "above"
        raise ValueError(f"noise is the standard deviation of labels, a number {least} 0, but it is {noise}")


def wide(dtype: torch.dtype) -> torch.dtype:
    """Rows come back as they were given, but never in half precision."""
    return torch.promote_types(dtype, torch.float32)
