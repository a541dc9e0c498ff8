"""What the labels of few points at a time tell: the state of k-BALD."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from bayesal.selection.configurations import Configurations, rounding


@dataclass(frozen=True, eq=False)
class Subsets:
    """What a label tells when the labels of a few of the points taken are known.

    ``sums[u, n]`` = Σ_{U ⊆ S, |U| = u} I(y_n; w | y_U) for u = 0 ... order - 1. ``configurations[u]``: the labels of a
    subset of u points, any of the |S| choose u with the same probability, for u = 0 ... order - 2 as far as there are
    such subsets. ``lowest``: the smallest gain that was the best there was; ``gains`` and ``best`` write it here.

    Of order 2, what a row shares with a pick is added to ``sums[1]`` when somebody asks: ``labels`` are those of the
    picks, and row n knows the first ``counted[n]`` of them. Of other orders nothing is put off.
    """

    rows: Float[Tensor, "N K C"]
    size: int
    sums: Float[Tensor, "order N"]
    configurations: tuple[Configurations, ...]
    lowest: Float[Tensor, ""]
    generator: Generator
    labels: tuple[Configurations, ...]
    counted: Int[Tensor, "N"]

    def count(self, positions: Int[Tensor, "R"]) -> None:
        """Bring these rows up to date."""
        counted = self.counted[positions]
        for known in counted.unique().tolist():
            if known < len(self.labels):
                late, picks = positions[counted == known], self.labels[known:]
                posteriors, weights = (torch.cat([getattr(p, x) for p in picks]) for x in ("posteriors", "weights"))
                self.sums[1, late] += information(self.rows, late, Configurations(posteriors, weights))
        self.counted[positions] = len(self.labels)


def information(
    rows: Float[Tensor, "N K C"], positions: Int[Tensor, "R"], configurations: Configurations
) -> Float[Tensor, "R"]:
    """Σ_m weights[m] I(y_n; w | y_m) of these rows; what is less than rounding is 0."""
    told = configurations.information_at(rows, positions)
    return told.masked_fill_(told < rounding(rows), 0)
