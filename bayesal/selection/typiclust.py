"""TypiClust: the most typical row of each cluster in turn, starting where nothing is known."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from bayesal.numerics.clusters import k_means
from bayesal.numerics.typicality import typicality
from bayesal.selection.whole_batch import Picks, WholeBatch

ALL_SIZES = (
    "clusters of more than {least} rows have only {available} of the {batch_size} rows asked for, so smaller ones count"
)


@dataclass(frozen=True)
class TypiClust(WholeBatch):
    """From every cluster in turn the row of the highest typicality 1 / (mean distance to its nearest neighbours there).

    Hacohen, Dekel and Weinshall (ICML 2022), for the first labels. L known rows and N to choose from fall into
    K = min(L + B, ``max_clusters``) clusters by k-means. Clusters of more than ``min_size`` rows are visited in turn,
    those with the fewest known rows first, then the largest; ties: the one with the lowest row. Typicality looks at the
    rows of the cluster that are neither known nor chosen, and at ``neighbours`` of them or half of all. ``squared``:
    it is that of squared distances, as in the released code, and not of distances, as published.

    If no cluster is large enough the largest counts, and if those that count have fewer than B rows all do, which is
    noted. Rows are features ``N D``, in the paper self-supervised and of length 1 (:class:`~bayesal.views.Normalised`).
    Raises ValueError for a batch below 0 or above N, rows that are no features, NaN and infinities.
    """

    max_clusters: int = 500
    min_size: int = 5
    neighbours: int = 20
    squared: bool = True

    def __post_init__(self) -> None:
        if self.max_clusters < 1 or self.min_size < 0 or self.neighbours < 1:
            raise ValueError(
                "there is at least 1 cluster of at least 0 rows and 1 neighbour, but max_clusters, min_size and "
                f"neighbours are {self.max_clusters}, {self.min_size} and {self.neighbours}"
            )

    def picks(
        self, rows: Float[Tensor, "N D"], batch_size: int, known: Float[Tensor, "L D"], generator: Generator
    ) -> Picks:
        """By typicality when they were picked."""
        picked: list[int] = []
        typical: list[float] = []
        num_clusters = min(len(known) + batch_size, self.max_clusters)
        assignment, _ = k_means(torch.cat([known, rows]), num_clusters, generator=generator)
        labelled = assignment[: len(known)].bincount(minlength=num_clusters).tolist()
        open_ = [(assignment[len(known) :] == cluster).nonzero().squeeze(1) for cluster in range(num_clusters)]
        order, notes = self._order(labelled, open_, batch_size)
        turn = 0
        while len(picked) < batch_size:
            cluster = order[turn % len(order)]
            turn += 1
            if len(members := open_[cluster]):
                neighbours = min(self.neighbours, len(members) // 2)
                scores = typicality(rows[members], neighbours, squared=self.squared)
                best = int(scores.argmax())  # argmax gives the first of equals
                picked.append(int(members[best]))
                typical.append(float(scores[best]))
                open_[cluster] = torch.cat([members[:best], members[best + 1 :]])
        return picked, typical, notes

    def _order(self, labelled: list[int], open_: list[Tensor], batch_size: int) -> tuple[list[int], tuple[str, ...]]:
        """The clusters in the order they are visited."""
        free = [len(members) for members in open_]
        lowest = [int(members[0]) if len(members) else 0 for members in open_]
        sizes = [some + known for some, known in zip(free, labelled, strict=True)]
        order = sorted(range(len(sizes)), key=lambda c: (labelled[c], -sizes[c], lowest[c]))
        kept = [c for c in order if sizes[c] > self.min_size] or [max(order, key=lambda c: sizes[c])]
        available = sum(free[c] for c in kept)
        if available >= batch_size:
            return kept, ()
        return order, (ALL_SIZES.format(least=self.min_size, available=available, batch_size=batch_size),)
