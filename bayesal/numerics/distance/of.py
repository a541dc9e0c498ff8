"""Rows of any kind, ready to be measured."""

from jaxtyping import Shaped
from torch import Tensor

from bayesal.numerics.distance.by_kernel import ByKernel
from bayesal.numerics.distance.features import Features
from bayesal.numerics.distance.measured import Measured
from bayesal.numerics.distance.products import Products
from bayesal.numerics.kronecker import Kronecker
from bayesal.types import Kernel


def measured(rows: Shaped[Tensor, "N ..."], kernel: Kernel | None) -> Measured:
    """Features ``N D``, dense or as products, or what the kernel reads.

    Raises ValueError for rows of another shape or type, and for NaN and infinities.
    """
    rows = rows.detach()
    if kernel is not None:
        return ByKernel.of(rows, kernel)
    if rows.ndim != 2 or not rows.is_floating_point():
        raise ValueError(
            f"without a kernel rows are features of shape (N, D), but these are {rows.dtype} of shape "
            f"{tuple(rows.shape)}; give features, or a kernel for rows of another kind"
        )
    return Products.of(rows) if isinstance(rows, Kronecker) else Features.of(rows)
