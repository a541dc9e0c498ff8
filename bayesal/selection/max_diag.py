"""The largest variances, one by one."""

from dataclasses import dataclass

from jaxtyping import Float, Shaped
from torch import Generator, Tensor

from bayesal.numerics.gaussian_door import as_variance
from bayesal.numerics.inner import Inner
from bayesal.types import Kernel


@dataclass(frozen=True)
class MaxDiag:
    """gain(n) = k(n, n): the rows that vary most, whatever else is taken (as BALD; Holzmüller et al., 2023).

    Rows are features ``N D``, k their inner products, or whatever ``kernel`` reads. Raises ValueError for rows the
    kernel cannot read, and for variances that are not finite.
    """

    kernel: Kernel | None = None

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> Float[Tensor, "N"]:
        """The variances."""
        kernel = Inner() if self.kernel is None else self.kernel
        return as_variance(kernel.variance(rows.detach()), "the rows' variance")

    def gains(self, state: Float[Tensor, "N"], /) -> Float[Tensor, "N"]:
        """The variance of every row."""
        return state

    def take(self, state: Float[Tensor, "N"], points: Shaped[Tensor, "P ..."], /) -> Float[Tensor, "N"]:
        """What is taken changes nothing."""
        return state
