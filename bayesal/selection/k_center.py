"""Farthest first: each pick is the row that is farthest from all that are taken."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Shaped
from torch import Generator, Tensor

from bayesal.selection.nearest import Nearest
from bayesal.types import Kernel

NOTHING_LEFT = "every row left is a copy of one that is taken, so the last picks are {how}; a smaller batch is enough"


@dataclass(frozen=True)
class KCenter:
    """gain(n | S) = min_{s ∈ S} ‖x_n - x_s‖²; before anything is taken ‖x_n‖². Unit: that of the rows, squared.

    Farthest first (Gonzalez, 1985), which covers all rows within at most twice the smallest radius that S balls can
    have; the greedy core-set of Sener and Savarese (ICLR 2018), with the labelled rows ``given``. Rows are features
    ``N D``, which may be :class:`~bayesal.numerics.kronecker.Kronecker` products, or whatever ``kernel`` reads, where
    ‖x - s‖² = k(x, x) + k(s, s) - 2 k(x, s). Distances are float64, whatever the rows.

    A pick brings only those rows up to date that could be the farthest, so it costs far less than N D operations.
    Copies of what is taken come last, lowest row first, and are noted. Raises ValueError for rows that are no features
    where there is no kernel, and for NaN and infinities.
    """

    kernel: Kernel | None = None

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> Nearest:
        """Nothing taken yet."""
        return Nearest.to_nothing(rows, self.kernel)

    def gains(self, state: Nearest, /) -> Float[Tensor, "N"]:
        """The squared distance of every row to the nearest that is taken."""
        return state.up_to_date().squared.clone() if state.taken else state.rows.squared_norms()

    def best(self, state: Nearest, open: Bool[Tensor, "N"], /) -> tuple[int, float]:
        """The farthest open row, without the distances of those that cannot be."""
        return state.farthest(open) if state.taken else state.longest(open)

    def take(self, state: Nearest, points: Shaped[Tensor, "P ..."], /) -> Nearest:
        """Rows near these are covered too."""
        return state.and_to(points)

    def notes(self, state: Nearest, /) -> tuple[str, ...]:
        """Whether there was nothing left to cover."""
        return (NOTHING_LEFT.format(how="the first open rows"),) if state.nothing_is_left() else ()
