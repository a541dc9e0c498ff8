"""Cluster-Margin's second half: one row of each cluster in turn, the smallest clusters first."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from bayesal.numerics.lloyd import nearest_centre
from bayesal.selection.whole_batch import Picks, WholeBatch

SAMPLED = "of {rows} rows to cluster {sample} were drawn; each of the others is in the cluster of the nearest drawn"


@dataclass(frozen=True)
class ClusterMargin(WholeBatch):
    """Round-robin over clusters in ascending size, a row of each drawn evenly, until B are picked.

    The choice of Cluster-Margin (Citovsky et al., NeurIPS 2021) among rows that are unsure, its margin set (see
    :class:`~bayesal.strategies.Shortlisted`). Clusters come from agglomerative clustering with average linkage of
    Euclidean distances, cut into ``num_clusters`` clusters, by default as many as the batch, or where clusters are
    farther apart than ``threshold``. Ties in size: the cluster with the lowest row. Rows are features ``N D``.

    The paper clusters the whole pool once, before the first batch. Here the rows given to the rule are clustered, the
    margin set of this batch, so that memory is quadratic in those only; beyond ``most`` rows so many are drawn evenly,
    and each of the others joins the nearest drawn, which is noted. The paper's threshold and cluster sizes could not be
    verified, which is why they are settings. Raises ValueError for settings that are none, a batch below 0 or above N,
    rows that are no features, NaN and infinities.
    """

    num_clusters: int | None = None
    threshold: float | int | None = None
    most: int = 5_000

    def __post_init__(self) -> None:
        if self.num_clusters is not None and self.threshold is not None:
            raise ValueError("give the number of clusters or the threshold that makes them, not both")
        too_few = (self.num_clusters is not None and self.num_clusters < 1) or self.most < 2
        if too_few or (self.threshold is not None and not self.threshold >= 0):
            raise ValueError(
                "there is at least 1 cluster, a threshold of at least 0 and 2 rows to cluster, but num_clusters, "
                f"threshold and most are {self.num_clusters}, {self.threshold} and {self.most}"
            )

    def picks(
        self, rows: Float[Tensor, "N D"], batch_size: int, known: Float[Tensor, "L D"], generator: Generator
    ) -> Picks:
        """By 1 / the number of rows in their clusters; what is known does not matter."""
        assignment, notes = self._clusters(rows, batch_size, generator)
        clusters = [
            (assignment == cluster).nonzero().squeeze(1).tolist() for cluster in range(1 + int(assignment.max()))
        ]
        clusters = sorted(filter(None, clusters), key=lambda members: (len(members), members[0]))
        sizes = [len(members) for members in clusters]
        picked: list[int] = []
        worth: list[float] = []
        while len(picked) < batch_size:
            for members, size in zip(clusters, sizes, strict=True):
                if members and len(picked) < batch_size:
                    picked.append(members.pop(int(torch.randint(len(members), (), generator=generator))))
                    worth.append(1 / size)
        return picked, worth, notes

    def _clusters(
        self, rows: Float[Tensor, "N D"], batch_size: int, generator: Generator
    ) -> tuple[Int[Tensor, "N"], tuple[str, ...]]:
        rows = rows.detach().cpu().double()
        if len(rows) <= self.most:
            return self._merged(rows, batch_size), ()
        drawn = rows[torch.randperm(len(rows), generator=generator)[: self.most]]
        nearest, _ = nearest_centre(rows, drawn)
        note = SAMPLED.format(rows=len(rows), sample=self.most)
        return self._merged(drawn, batch_size)[nearest], (note,)

    def _merged(self, rows: Float[Tensor, "n D"], batch_size: int) -> Int[Tensor, "n"]:
        from scipy.cluster.hierarchy import fcluster, linkage  # here, because it takes a while to import

        if len(rows) == 1:
            return torch.zeros(1, dtype=torch.int64)
        tree = linkage(rows.numpy(), "average")
        if self.threshold is None:
            labels = fcluster(tree, self.num_clusters or batch_size, "maxclust")
        else:
            labels = fcluster(tree, self.threshold, "distance")
        return torch.from_numpy(labels.astype(np.int64) - 1)
