"""Similarities of rows with queries: what the rules of submodular mutual information are asked for and start from."""

import math

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from bayesal.numerics.shifted_cosine import ShiftedCosine
from bayesal.types import Kernel


def kernel_of(kernel: Kernel | None) -> Kernel:
    """The similarity that was given, else that of directions of features."""
    return ShiftedCosine() if kernel is None else kernel


def similarities(
    kernel: Kernel, rows: Shaped[Tensor, "N ..."], queries: Shaped[Tensor, "Q ..."]
) -> Float[Tensor, "N Q"]:
    """s(n, q). Raises ValueError for no queries, queries of another kind than the rows, and anything below 0."""
    if not len(queries):
        raise ValueError("there are no queries: give at least one example of what is looked for")
    if queries.shape[1:] != rows.shape[1:]:
        raise ValueError(
            f"the queries have shape {tuple(queries.shape)} and the rows {tuple(rows.shape)}; all axes after the first "
            "must be the same"
        )
    return checked(kernel.covariance(rows.detach(), queries.detach().to(rows.device, rows.dtype)))


def checked(similar: Float[Tensor, "N P"]) -> Float[Tensor, "N P"]:
    """At least float32. Raises ValueError for similarities below 0, NaN and infinities."""
    bad = ~(similar.isfinite() & (similar >= 0))
    if bool(bad.any()):
        row, other = bad.nonzero()[0].tolist()
        raise ValueError(
            f"similarities must be finite and at least 0, but that of row {row} with point {other} is "
            f"{float(similar[row, other]):.3g}"
        )
    return similar.to(torch.promote_types(similar.dtype, torch.float32))


def check_weight(value: float | int, name: str) -> None:
    """A finite number of at least 0; else ValueError."""
    if not (value >= 0 and math.isfinite(value)):
        raise ValueError(f"{name} must be a number of at least 0, but it is {value}")
