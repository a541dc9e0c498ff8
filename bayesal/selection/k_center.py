"""Farthest first: each pick is the row that is farthest from all that are taken."""

import math
from dataclasses import dataclass

from jaxtyping import Bool, Float, Shaped
from torch import Generator, Tensor

from bayesal.numerics.distance.centrality import mean_squared_distance
from bayesal.selection.nearest import Nearest, largest
from bayesal.types import Kernel

FIRSTS = ("max_norm", "central")
NOTHING_LEFT = "every row left is a copy of one that is taken, so the last picks are {how}; a smaller batch is enough"


@dataclass(frozen=True)
class KCenter:
    """gain(n | S) = min_{s ∈ S} ‖x_n - x_s‖². Unit: that of the rows, squared.

    Farthest first (Gonzalez, 1985), which covers all rows within at most twice the smallest radius that S balls can
    have; the greedy core-set of Sener and Savarese (ICLR 2018), with the labelled rows ``given``. Rows are features
    ``N D``, which may be :class:`~bayesal.numerics.kronecker.Kronecker` products, or whatever ``kernel`` reads, where
    ‖x - s‖² = k(x, x) + k(s, s) - 2 k(x, s). Distances are float64, whatever the rows.

    ``first``: where nothing is taken or ``given``, the longest row, "max_norm", with gains ‖x_n‖²; or the row nearest
    the mean, "central", with gains -(1/N) Σ_j ‖x_n - x_j‖², where the sum is over 1,024 rows if there is a kernel.
    ``outliers``: before each pick so many of the farthest open rows are passed over, or, below 1, that share of all
    rows, rounded up; a rule that must pick them all the same picks the nearest of them first. Sener and Savarese have
    1e-4 in a program for integers, which this is not.

    A pick brings only those rows up to date that could be the farthest, so it costs far less than N D operations.
    Copies of what is taken come last, lowest row first, and are noted. Raises ValueError for rows that are no features
    where there is no kernel, for NaN and infinities, for another ``first``, and for outliers below 0.
    """

    kernel: Kernel | None = None
    first: str = "max_norm"
    outliers: int | float = 0

    def __post_init__(self) -> None:
        if self.first not in FIRSTS:
            raise ValueError(f"first is one of {', '.join(FIRSTS)}, but it is {self.first!r}")
        if not 0 <= self.outliers < math.inf or (self.outliers > 1 and self.outliers != int(self.outliers)):
            raise ValueError(f"outliers are a number of rows or a share of them below 1, but they are {self.outliers}")

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> Nearest:
        """Nothing taken yet."""
        return Nearest.to_nothing(rows, self.kernel)

    def gains(self, state: Nearest, /) -> Float[Tensor, "N"]:
        """The squared distance of every row to the nearest that is taken."""
        if state.taken:
            return state.up_to_date().squared.clone()
        return state.rows.squared_norms() if self.first == "max_norm" else -mean_squared_distance(state.rows)

    def best(self, state: Nearest, open: Bool[Tensor, "N"], /) -> tuple[int, float]:
        """The farthest open row, without the distances of those that cannot be."""
        passed = math.ceil(self.outliers * len(open)) if self.outliers < 1 else int(self.outliers)
        if state.taken:
            return state.farthest(open, passed)
        if self.first == "max_norm":
            return state.longest(open, passed)
        return largest(self.gains(state), open.nonzero().squeeze(1), 0)

    def take(self, state: Nearest, points: Shaped[Tensor, "P ..."], /) -> Nearest:
        """Rows near these are covered too."""
        return state.and_to(points)

    def notes(self, state: Nearest, /) -> tuple[str, ...]:
        """Whether there was nothing left to cover."""
        return (NOTHING_LEFT.format(how="the first open rows"),) if state.nothing_is_left() else ()
