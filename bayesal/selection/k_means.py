"""k-means: of each cluster the row nearest to its centre."""

from dataclasses import dataclass

import torch
from jaxtyping import Int, Shaped
from torch import Generator, Tensor

from bayesal.numerics.clusters import k_means
from bayesal.selection.door import check_batch_size, check_features
from bayesal.selection.greedy import grow
from bayesal.selection.k_center import KCenter
from bayesal.types import Selection

TIE = 1e-4  # of a squared distance: two rows are always as far from their mean as each other, but for rounding
FILLED = "k-means filled only {filled} of {batch_size} clusters, so the other picks are the farthest rows left"


@dataclass(frozen=True)
class KMeans:
    """B clusters by k-means (the best of ``restarts`` runs), and of each the row nearest to its centre; ties: the
    lowest.

    Zhdanov (2019) and the survey of Zhan et al. (2022). Rows are features ``N D``. Larger clusters come first. For
    every cluster that k-means leaves empty the row farthest from all picks is taken, which is noted. What is labelled
    is not looked at. Raises ValueError for a batch below 0 or above N, rows that are no features, NaN and infinities.
    """

    restarts: int = 10

    def __call__(self, rows: Shaped[Tensor, "N ..."], batch_size: int, /, *, generator: Generator) -> Int[Tensor, "B"]:
        """The positions of B different rows."""
        return self.select(rows, batch_size, generator=generator).positions

    def select(
        self,
        rows: Shaped[Tensor, "N ..."],
        batch_size: int,
        *,
        given: Shaped[Tensor, "L ..."] | None = None,
        generator: Generator,
    ) -> Selection:
        """B rows; scores and gains are the number of rows in their clusters. ``given`` does not matter."""
        check_features(rows, rows[:0])
        check_batch_size(batch_size, len(rows))
        if batch_size == 0:
            nothing = torch.empty(0, dtype=torch.float64)
            return Selection([], nothing, nothing, torch.empty(0, dtype=torch.int64))
        assignment, centres = k_means(rows, batch_size, restarts=self.restarts, generator=generator)
        away = _from_centres(rows, assignment, centres)
        picks: list[tuple[int, int]] = []
        for cluster, size in enumerate(assignment.bincount(minlength=batch_size).tolist()):
            if size:
                members = (assignment == cluster).nonzero().squeeze(1)
                nearest = away[members] <= (1 + TIE) * away[members].min()
                picks.append((size, int(members[nearest.nonzero()[0, 0]])))
        picks.sort(key=lambda pick: (-pick[0], pick[1]))
        positions, sizes, notes = [pick for _, pick in picks], [float(size) for size, _ in picks], ()
        if (missing := batch_size - len(positions)) > 0:
            left = torch.ones(len(rows), dtype=torch.bool)
            left[positions] = False
            others = left.nonzero().squeeze(1)
            far = grow(KCenter(), rows[others], missing, given=rows[positions], generator=generator)
            notes = (FILLED.format(filled=len(positions), batch_size=batch_size),)
            positions += others[far.positions.cpu()].tolist()
            sizes += [0.0] * missing
        gains = torch.tensor(sizes, dtype=torch.float64)
        return Selection(positions, gains, gains, torch.tensor(positions, dtype=torch.int64), notes)


def _from_centres(rows: Tensor, assignment: Tensor, centres: Tensor) -> Tensor:
    """The squared distance of every row from its centre, in float64."""
    parts = [
        (some.detach().double() - centres[of].double()).square().sum(1)
        for some, of in zip(rows.split(2**12), assignment.split(2**12), strict=True)
    ]
    return torch.cat(parts)
