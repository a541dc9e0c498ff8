"""ProbCover: balls of one radius that cover as many rows as they can."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Generator, Tensor

from bayesal.numerics.ball_purity import pure_radius
from bayesal.numerics.clusters import k_means
from bayesal.numerics.distance.measured import Measured
from bayesal.numerics.distance.within import within
from bayesal.numerics.linalg import blocks
from bayesal.selection.nearest import Nearest
from bayesal.types import Kernel

PAIRS = 2**22  # distances screened at once: 16 MiB in float32
COVERED = "every row is covered before the batch is full, so the last picks are the farthest from all that are taken"


@dataclass(frozen=True, eq=False)
class Covering:
    """How many uncovered rows each row would cover, which are ``uncovered``, and how far all are from what is taken."""

    nearest: Nearest
    radius: float
    degrees: Int[Tensor, "N"]
    uncovered: Bool[Tensor, "N"]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ProbCover:
    """gain(n | S) = how many m have ‖x_m - x_n‖ < δ while no s ∈ S has ‖x_m - x_s‖ < δ: the rows that x_n covers first.

    Greedy maximum coverage (Yehuda, Dekel, Hacohen and Weinshall, NeurIPS 2022), at least 1 - 1/e of the best; labelled
    rows are ``given``. Rows are features ``N D``, or whatever ``kernel`` reads, where δ is a distance in the kernel.

    ``radius``: δ; None for the largest at which the balls of at least a ``purity`` of the rows hold rows of their own
    cluster only, by k-means with ``num_clusters`` clusters, the number of classes if it is known; it is noted. Where
    nothing is left to cover the pick is the row farthest from all that are taken, which is noted too.

    No edge between rows is kept: memory is O(N), and the distances to a row are computed twice, when its neighbours are
    counted and when it is covered. Distances are decided in float64. Raises ValueError for a radius that is not above
    0, for no radius where there is a kernel, and for rows that are no features, NaN and infinities.
    """

    radius: float | int | None = None
    purity: float = 0.95
    num_clusters: int = 10
    kernel: Kernel | None = None

    def __post_init__(self) -> None:
        if self.radius is not None and not self.radius > 0:
            raise ValueError(f"the radius of a ball must be above 0, but it is {self.radius}; None chooses one")
        if self.num_clusters < 2:
            raise ValueError(f"a radius keeps at least 2 clusters apart, but num_clusters is {self.num_clusters}")
        if self.radius is None and self.kernel is not None:
            raise ValueError("a radius is chosen by clusters of features; with a kernel give the radius")

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> Covering:
        """Nothing is covered."""
        nearest = Nearest.to_nothing(rows, self.kernel)
        notes: tuple[str, ...] = ()
        if self.radius is None:
            radius, notes = self._chosen(rows, generator)
        else:
            radius = float(self.radius)
        uncovered = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
        degrees = _neighbours(nearest.rows, uncovered.nonzero().squeeze(1), radius)
        return Covering(nearest, radius, degrees, uncovered, notes)

    def gains(self, state: Covering, /) -> Float[Tensor, "N"]:
        """How many more rows each would cover."""
        return state.degrees.double()

    def best(self, state: Covering, open: Bool[Tensor, "N"], /) -> tuple[int, float]:
        """The open row that covers most (ties: the lowest), or where there is nothing to cover the farthest."""
        degrees = state.degrees.masked_fill(~open, -1)
        position = int(degrees.argmax())  # argmax gives the first of equals
        if int(degrees[position]) == 0 and state.nearest.taken:
            position, _ = state.nearest.farthest(open)
        return position, float(state.degrees[position])

    def take(self, state: Covering, points: Shaped[Tensor, "P ..."], /) -> Covering:
        """What is near these is covered, and nobody's gain any more."""
        rows = state.nearest.rows
        others = rows.beside(points)
        candidates = state.uncovered.nonzero().squeeze(1)
        reached = torch.zeros_like(candidates, dtype=torch.bool)
        for some in blocks(len(candidates), len(others), PAIRS):
            reached[some] = within(rows, candidates[some], others, state.radius**2).any(1)
        newly = candidates[reached]
        uncovered = state.uncovered.clone()
        uncovered[newly] = False
        degrees = state.degrees - _neighbours(rows, newly, state.radius)
        return replace(state, nearest=state.nearest.and_to(points), degrees=degrees, uncovered=uncovered)

    def notes(self, state: Covering, /) -> tuple[str, ...]:
        """The radius that was chosen, and whether there was nothing left to cover."""
        nothing_left = not bool(state.degrees.any()) and state.nearest.taken > 0
        return (*state.notes, COVERED) if nothing_left else state.notes

    def _chosen(self, rows: Shaped[Tensor, "N ..."], generator: Generator) -> tuple[float, tuple[str, ...]]:
        k = min(self.num_clusters, len(rows))
        labels, _ = k_means(rows, k, generator=generator)
        radius = pure_radius(rows, labels, self.purity, generator=generator)
        said = f"balls have the radius {radius:.4g}: so far {self.purity:.0%} of them hold one of {k} clusters only"
        return radius, (said,)


def _neighbours(rows: Measured, of: Int[Tensor, "P"], radius: float) -> Int[Tensor, "N"]:
    """How many of the rows ``of`` are within the radius of each row."""
    counts = torch.zeros(len(rows), dtype=torch.int64, device=rows.own.device)
    for some in blocks(len(of), len(rows), PAIRS):
        others = rows.of_parts(tuple(part[of[some]] for part in rows.parts))
        counts += within(rows, slice(0, len(rows)), others, radius**2).sum(1)
    return counts
