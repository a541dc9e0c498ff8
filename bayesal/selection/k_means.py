"""k-means: of each cluster the row nearest to its centre."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from bayesal.numerics.clusters import k_means
from bayesal.selection.greedy import grow
from bayesal.selection.k_center import KCenter
from bayesal.selection.whole_batch import Picks, WholeBatch

TIE = 1e-4  # of a squared distance: two rows are always as far from their mean as each other, but for rounding
FILLED = "k-means filled only {filled} of {batch_size} clusters, so the other picks are the farthest rows left"


@dataclass(frozen=True)
class KMeans(WholeBatch):
    """B clusters by k-means (the best of ``restarts`` runs), and of each the row nearest to its centre; ties: the
    lowest.

    Zhdanov (2019) and the survey of Zhan et al. (2022). Rows are features ``N D``. Larger clusters come first. For
    every cluster that k-means leaves empty the row farthest from all picks is taken, which is noted. What is labelled
    is not looked at. Raises ValueError for a batch below 0 or above N, rows that are no features, NaN and infinities.
    """

    restarts: int = 10

    def picks(
        self, rows: Float[Tensor, "N D"], batch_size: int, known: Float[Tensor, "L D"], generator: Generator
    ) -> Picks:
        """By the number of rows in their clusters; what is known does not matter."""
        assignment, centres = k_means(rows, batch_size, restarts=self.restarts, generator=generator)
        away = _from_centres(rows, assignment, centres)
        found: list[tuple[int, int]] = []
        for cluster, size in enumerate(assignment.bincount(minlength=batch_size).tolist()):
            if size:
                members = (assignment == cluster).nonzero().squeeze(1)
                nearest = away[members] <= (1 + TIE) * away[members].min()
                found.append((size, int(members[nearest.nonzero()[0, 0]])))
        found.sort(key=lambda pick: (-pick[0], pick[1]))
        positions, sizes, notes = [row for _, row in found], [float(size) for size, _ in found], ()
        if (missing := batch_size - len(positions)) > 0:
            left = torch.ones(len(rows), dtype=torch.bool)
            left[positions] = False
            others = left.nonzero().squeeze(1)
            far = grow(KCenter(), rows[others], missing, given=rows[positions], generator=generator)
            notes = (FILLED.format(filled=len(positions), batch_size=batch_size),)
            positions += others[far.positions.cpu()].tolist()
            sizes += [0.0] * missing
        return positions, sizes, notes


def _from_centres(rows: Tensor, assignment: Tensor, centres: Tensor) -> Tensor:
    """The squared distance of every row from its centre, in float64."""
    parts = [
        (some.detach().double() - centres[of].double()).square().sum(1)
        for some, of in zip(rows.split(2**12), assignment.split(2**12), strict=True)
    ]
    return torch.cat(parts)
