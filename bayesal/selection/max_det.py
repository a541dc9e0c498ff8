"""MaxDet: the labels whose covariance has the largest determinant."""

import math
from dataclasses import dataclass
from typing import TypeAlias

from jaxtyping import Bool, Float, Shaped
from torch import Generator, Tensor

from bayesal.selection.factor_rows import factor_rows
from bayesal.selection.kernel_residuals import KernelResiduals
from bayesal.selection.residuals import Residuals
from bayesal.types import Kernel

Left: TypeAlias = Residuals | KernelResiduals


@dataclass(frozen=True)
class MaxDet:
    """gain(n | S) = k_S(n, n) + σ²: the gains multiply to det(K_SS + σ²I), unit squared each.

    Greedy determinantal selection, as in Holzmüller, Zaverkin, Kästner and Steinwart (JMLR 2023); the order of picks is
    that of ``JointBALD``, BatchBALD for Gaussian labels. Rows are features ``N D`` in any float type, k their inner
    products, or whatever ``kernel`` reads; k_S is k given the labels of S. ``noise``: the standard deviation σ of a
    label around the function (a variance in ``JointBALD``).

    What is left of a variance only falls, so few rows are looked at for a pick (lazy greedy; Minoux, 1978), and those
    in float64, whatever the rows are. Memory beyond the rows: a few numbers a row, and one direction of D a pick; with
    a ``kernel`` one column of N covariances a pick.

    At σ = 0 nothing is left of what the picks determine: its gain is 0, the lowest open row comes first, and a note
    says so. Raises ValueError for a noise that is negative or not finite, and for rows that are not finite features.
    """

    noise: float | int
    kernel: Kernel | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.noise < math.inf:
            raise ValueError(f"noise is a standard deviation and must be at least 0, but it is {self.noise}")

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> Left:
        """Nothing taken yet."""
        variance = float(self.noise) ** 2
        if self.kernel is not None:
            return KernelResiduals.of(self.kernel, rows, variance)
        return Residuals.of(_features(rows), variance)

    def gains(self, state: Left, /) -> Float[Tensor, "N"]:
        """The variance of the label of every row."""
        return state.up_to_date() + state.noise

    def best(self, state: Left, open: Bool[Tensor, "N"], /) -> tuple[int, float]:
        """The open row with the largest gain, and that gain; of those equal but for rounding the lowest."""
        position, variance = state.largest(open)
        return position, variance + state.noise

    def take(self, state: Left, points: Shaped[Tensor, "P ..."], /) -> Left:
        """The labels of these points will be known too, whatever they turn out to be."""
        return state.on(points) if isinstance(state, KernelResiduals) else state.on(_features(points))

    def notes(self, state: Left, /) -> tuple[str, ...]:
        """Whether the last picks were already determined by those before."""
        if self.noise > 0 or float(state.up_to_date().max()) > 0:
            return ()
        return (
            "noise is 0 and the first picks determine all rows, so the last picks, of gain 0, are the lowest rows that "
            "were left; give a noise above 0, or choose a smaller batch",
        )


def _features(rows: Tensor) -> Float[Tensor, "N 1 D"]:
    if rows.ndim != 2:
        raise ValueError(
            f"without a kernel MaxDet chooses among features of shape (N, D), but these are {tuple(rows.shape)}"
        )
    return factor_rows(rows, "MaxDet")
