"""A few points that are all taken: what dropping each would cost, through their covariances and nothing else."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from bayesal.selection.factor_rows import same


@dataclass(frozen=True, eq=False)
class Shortlist:
    """K points of R rows, of which those at ``places`` are left.

    With G the covariance of their labels and A what they share with all that counts, the labels lower the total by
    tr AᵀG⁻¹A. Without point i that is less by tr κ⁻¹H_ii, where ``precision`` is G⁻¹ with the block κ = (G⁻¹)_ii, and
    ``weighed`` H = G⁻¹A AᵀG⁻¹. Nothing cancels in it: κ⁻¹ is the variance of the label given the others, noise and all.
    ``twins``: for each point the first that has the same numbers.
    """

    points: Shaped[Tensor, "K ..."]
    twins: Int[Tensor, "K"]
    places: Int[Tensor, "P"]
    precision: Float[Tensor, "PR PR"]
    weighed: Float[Tensor, "PR PR"]

    @classmethod
    def of(
        cls,
        points: Shaped[Tensor, "K ..."],
        covariance: Float[Tensor, "KR KR"],
        noise: float,
        reach: Float[Tensor, "KR M"],
        objective: Float[Tensor, "M M"] | None = None,
    ) -> "Shortlist":
        """``covariance``: of the function at the points. A is ``reach`` times a root of ``objective``."""
        noisy = (covariance + covariance.mT) / 2
        noisy.diagonal().add_(noise)
        factor = torch.linalg.cholesky(noisy)
        solved = torch.cholesky_solve(reach, factor)
        weighed = solved @ (solved.mT if objective is None else objective @ solved.mT)
        places = torch.arange(len(points), device=points.device)
        return cls(points, _twins(points), places, torch.cholesky_inverse(factor), (weighed + weighed.mT) / 2)

    def costs(self) -> Float[Tensor, "K"]:
        """What the loss of each point would add to the total; NaN for those that are lost, twins of others aside."""
        kappa, own = self._blocks(self.precision), self._blocks(self.weighed)
        lost = torch.linalg.solve(kappa, own).diagonal(dim1=1, dim2=2).sum(1)
        by_twin = lost.new_full((len(self.points),), torch.inf)
        by_twin.scatter_reduce_(0, self.twins[self.places], lost, "amin")  # equal but for rounding
        costs = by_twin[self.twins]
        return costs.masked_fill(costs.isinf(), torch.nan)

    def without(self, points: Shaped[Tensor, "P ..."]) -> "Shortlist":
        """Once these points are dropped. Raises ValueError for a point that is not among those left."""
        state = self
        for place in range(len(points)):
            state = state._without_one(points[place : place + 1])
        return state

    def _without_one(self, point: Shaped[Tensor, "1 ..."]) -> "Shortlist":
        found = same(self.points[self.places], point).nonzero()
        if not len(found):
            raise ValueError("only points that were taken, and not dropped since, can be dropped")
        place, size = int(found[0]), len(self.precision) // len(self.places)
        block = slice(place * size, (place + 1) * size)
        k, h = self.precision[:, block], self.weighed[:, block]
        share = torch.linalg.solve(k[block], k.mT).mT
        h = h - 0.5 * share @ h[block]
        kept = torch.ones(len(self.precision), dtype=torch.bool, device=k.device)
        kept[block] = False
        k, h, share = k[kept], h[kept], share[kept]
        crossed = share @ h.mT
        return replace(
            self,
            places=torch.cat([self.places[:place], self.places[place + 1 :]]),
            precision=self.precision[kept][:, kept] - share @ k.mT,
            weighed=self.weighed[kept][:, kept] - crossed - crossed.mT,
        )

    def _blocks(self, matrix: Float[Tensor, "PR PR"]) -> Float[Tensor, "P R R"]:
        num_points = len(self.places)
        size = len(matrix) // num_points
        return matrix.view(num_points, size, num_points, size).diagonal(dim1=0, dim2=2).permute(2, 0, 1)


def _twins(points: Shaped[Tensor, "K ..."]) -> Int[Tensor, "K"]:
    twins = torch.full((len(points),), -1, dtype=torch.int64, device=points.device)
    for place in range(len(points)):
        if twins[place] < 0:
            twins[same(points, points[place : place + 1])] = place
    return twins
