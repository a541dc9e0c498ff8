"""BAIT: the labels that lower the variance over all points most, with or without second thoughts."""

import math
from dataclasses import dataclass
from typing import TypeAlias

from jaxtyping import Bool, Float, Int, Shaped
from torch import Generator, Tensor

from bayesal.selection.factor_rows import factor_rows, norms
from bayesal.selection.kernel_variance import KernelVariance
from bayesal.selection.shortlist import Shortlist
from bayesal.selection.total_variance import TotalVariance
from bayesal.types import Kernel

MOST_FEATURES = 10_000  # D x D matrices of float64: 800 MB each

Left: TypeAlias = TotalVariance | KernelVariance


@dataclass(frozen=True, eq=False)
class Bait:
    """gain(n | S) = Σ_u k_S(u, n)² / (k_S(n, n) + σ²): by how much the label of n lowers Σ_u k_S(u, u), unit squared.

    Ash, Goel, Krishnamurthy and Kakade (NeurIPS 2021), for regression as in Holzmüller, Zaverkin, Kästner and Steinwart
    (JMLR 2023). Rows are features ``N D`` in any float type, k their inner products, or whatever ``kernel`` reads; k_S
    is k given the labels of S. ``noise``: the standard deviation σ of a label around the function (a variance in
    ``JointBALD``). u runs over all rows, those known beforehand (``given`` to ``grow``) and those ``beside``: rows of
    the same kind that count in the total without being known or chosen, such as labelled rows after a ``posterior``
    that has conditioned on them already.

    ``over_selection``: that many times the batch is picked (Bait-FB; Bait-F at 1), then the rows whose labels are
    missed least are dropped, at Σ_u k_S(u, n)² / (σ² - k_S(n, n)) each. With M = λI + Σ_S φφᵀ and F = mean φφᵀ over
    U rows, the total variance is U λ tr M⁻¹F if σ² = λ.

    Choices are those of float64 at the cost of float32: a pass over float32 features bounds every gain, and those that
    can be the largest are computed in float64. Memory beyond the rows: O(D²) and a few numbers a row. A ``kernel``
    keeps N·U covariances, so it is for small pools.

    Raises ValueError for a noise that is not above 0, for rows that are not finite features, for more than 10,000
    features, and for more than 2^26 covariances.
    """

    noise: float | int
    over_selection: float | int = 2
    kernel: Kernel | None = None
    beside: Shaped[Tensor, "M ..."] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.noise < math.inf:
            raise ValueError(f"noise is a standard deviation and must be above 0, but it is {self.noise}")
        if not 1 <= self.over_selection < math.inf:
            raise ValueError(
                f"over_selection must be at least 1, but it is {self.over_selection}; at 1 none is dropped"
            )

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> Left:
        """Nothing taken yet."""
        beside = rows[:0] if self.beside is None else self.beside.to(rows.device)
        if beside.shape[1:] != rows.shape[1:]:
            raise ValueError(
                f"the rows beside have shape {tuple(beside.shape)} and the rows {tuple(rows.shape)}; all axes after "
                "the first must be the same"
            )
        if self.kernel is not None:
            return KernelVariance.of(self.kernel, rows, beside.to(rows.dtype), float(self.noise) ** 2)
        features, others = _features(rows), _features(beside)
        norms(others, "row beside")
        return TotalVariance.of(features, (others,) if len(others) else (), float(self.noise) ** 2)

    def know(self, state: Left, points: Shaped[Tensor, "P ..."], /) -> Left:
        """These rows are known: their labels, and they count in the total."""
        return state.knowing(points) if isinstance(state, KernelVariance) else state.knowing(_features(points))

    def gains(self, state: Left, /) -> Float[Tensor, "N"]:
        """By how much the label of every row would lower the total variance."""
        return state.gains()

    def best(self, state: Left, open: Bool[Tensor, "N"], /) -> tuple[int, float]:
        """The open row with the largest gain, and that gain; of those equal but for rounding the lowest."""
        return state.best(open)

    def take(self, state: Left, points: Shaped[Tensor, "P ..."], /) -> Left:
        """The labels of these points will be known too, whatever they turn out to be."""
        return state.on(points) if isinstance(state, KernelVariance) else state.on(_features(points))

    def narrowed(self, state: Left, positions: Int[Tensor, "P"], /) -> Shortlist:
        """Only what dropping these points, all that were taken, would cost."""
        return state.narrowed(positions)

    def costs(self, state: Shortlist, /) -> Float[Tensor, "K"]:
        """How much larger the total variance would be without the label of each."""
        return state.costs()

    def drop(self, state: Shortlist, points: Shaped[Tensor, "P ..."], /) -> Shortlist:
        """Without the labels of these points."""
        return state.without(points if self.kernel is not None else _features(points))


def _features(rows: Tensor) -> Float[Tensor, "N 1 D"]:
    if rows.ndim != 2:
        raise ValueError(
            f"without a kernel Bait chooses among features of shape (N, D), but these are {tuple(rows.shape)}"
        )
    if rows.shape[1] > MOST_FEATURES:
        raise ValueError(
            f"Bait works with matrices of D x D numbers, and D = {rows.shape[1]} is above {MOST_FEATURES}; sketch the "
            "features first"
        )
    return factor_rows(rows, "Bait")
