"""Largest cluster, maximum distance: each pick is the farthest row of the cluster that is spread most."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Generator, Tensor

from bayesal.selection.k_center import NOTHING_LEFT
from bayesal.selection.nearest import Nearest
from bayesal.types import Kernel

WEIGHTS = ("squared", "distance", "count")


@dataclass(frozen=True)
class LCMD:
    """Take the row farthest from its centre, in the cluster of the largest size (Holzmüller et al., JMLR 2023).

    Centres are the rows taken or ``given``; the cluster of a centre are the rows nearest to it (ties: the centre taken
    first). gain(n | S) = m_n = min_{s ∈ S} ‖x_n - x_s‖², before anything is taken ‖x_n‖²; the size of a cluster is the
    sum of m over its rows (``weight="squared"``, as published), of sqrt(m) (``"distance"``), or the number of its rows
    with m > 0 (``"count"``). The row picked has the largest gain of its cluster, not of all rows; ties in size: the
    centre taken first.

    Rows, kernel, copies of what is taken and errors are as for :class:`~bayesal.selection.k_center.KCenter`; another
    weight is a ValueError too.
    """

    weight: str = "squared"
    kernel: Kernel | None = None

    def __post_init__(self) -> None:
        if self.weight not in WEIGHTS:
            raise ValueError(f"weight is one of {', '.join(WEIGHTS)}, but it is {self.weight!r}")

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> Nearest:
        """Nothing taken yet."""
        return Nearest.to_nothing(rows, self.kernel)

    def gains(self, state: Nearest, /) -> Float[Tensor, "N"]:
        """The squared distance of every row to its centre."""
        return state.up_to_date().squared.clone() if state.taken else state.rows.squared_norms()

    def sizes(self, state: Nearest, /, open: Bool[Tensor, "N"] | None = None) -> Float[Tensor, "S"]:
        """The size of every centre's cluster, of all rows or of the open ones; something must be taken."""
        squared = state.up_to_date().squared
        if self.weight != "squared":
            squared = squared.sqrt() if self.weight == "distance" else (squared > 0).double()
        if open is not None:
            squared = squared.masked_fill(~open, 0)
        return torch.bincount(state.centre, squared, minlength=state.taken)

    def best(self, state: Nearest, open: Bool[Tensor, "N"], /) -> tuple[int, float]:
        """The open row of the largest cluster that is farthest from its centre."""
        if not state.taken:
            return state.longest(open)
        sizes = self.sizes(state, open)
        largest = int(sizes.argmax())  # argmax gives the first of equals
        inside = open & (state.centre == largest) if float(sizes[largest]) > 0 else open
        position = int(state.squared.masked_fill(~inside, -1).argmax())
        return position, float(state.squared[position])

    def take(self, state: Nearest, points: Shaped[Tensor, "P ..."], /) -> Nearest:
        """These are centres too."""
        return state.and_to(points)

    def notes(self, state: Nearest, /) -> tuple[str, ...]:
        """Whether all rows were at a centre."""
        return (NOTHING_LEFT.format(how="the first open rows"),) if state.nothing_is_left() else ()
