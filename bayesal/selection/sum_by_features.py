"""The sum of all rows and how much of it Frank-Wolfe has reached, as vectors."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from bayesal.numerics import along
from bayesal.numerics.distance.screen import rounding
from bayesal.numerics.kronecker import Kronecker
from bayesal.numerics.linalg import blocks

ELEMENTS = 2**18  # numbers of rows in one block: 2 MiB of float64 stay in the cache


@dataclass(frozen=True, eq=False)
class SumByFeatures:
    """``aim``: the sum u of the rows and of all that is known. ``reached``: w. ``radius``: r, the sum of their lengths.

    ``steps``: how many steps were made to rows that were not known before.
    """

    rows: Float[Tensor, "N D"]
    lengths: Float[Tensor, "N"]
    aim: Float[Tensor, "D"]
    reached: Float[Tensor, "D"]
    radius: float
    steps: int = 0

    @classmethod
    def of(cls, rows: Shaped[Tensor, "N ..."]) -> "SumByFeatures":
        """Nothing is reached. Raises ValueError for rows that are no features, NaN and infinities."""
        rows = along.as_rows(rows, "without a kernel rows")
        lengths, aim = along.lengths(rows, "rows"), along.total(rows)
        return cls(rows, lengths, aim, torch.zeros_like(aim), float(lengths.sum()))

    def with_more(self, points: Shaped[Tensor, "P ..."]) -> "SumByFeatures":
        """These count in the sum too. They are about to be stepped to, and those steps are not counted."""
        points = along.as_rows(points, "rows that are given").to(self.aim.device)
        radius = self.radius + float(along.lengths(points, "rows that are given").sum())
        return replace(self, aim=self.aim + along.total(points), radius=radius, steps=self.steps - len(points))

    def stepped(self, points: Shaped[Tensor, "P ..."]) -> "SumByFeatures":
        """A step to each of these, in this order; to a row of length 0, none."""
        points, reached = along.as_rows(points, "rows that are taken"), self.reached
        for place, length in enumerate(along.lengths(points, "rows that are taken").tolist()):
            if length > 0:
                towards = points[[place]].to(reached)[0] * (self.radius / length) - reached
                squared = float(towards @ towards)
                size = float(towards @ (self.aim - reached)) / squared if squared > 0 else 0.0
                reached = reached + size * towards
        return replace(self, reached=reached, steps=self.steps + len(points))

    def scores(self) -> Float[Tensor, "N"]:
        """⟨φ_n / ‖φ_n‖, u - w⟩; of rows of length 0, -inf."""
        return self._score(torch.arange(len(self.rows), device=self.lengths.device))

    def best(self, open_: Bool[Tensor, "N"]) -> tuple[int, float]:
        """The open row of the largest score (ties: the lowest), and that: few rows can be it in the rows' precision."""
        missing = self.aim - self.reached
        direction = missing / torch.linalg.vector_norm(missing).clamp_min(torch.finfo(torch.float64).tiny)
        cosines = torch.where(
            open_ & (self.lengths > 0), along.products(self.rows, direction) / self.lengths, -torch.inf
        )
        least = cosines.max() - 2 * rounding(_width(self.rows))
        positions = (open_ & ~(cosines < least)).nonzero().squeeze(1)
        scores = self._score(positions)
        best = int(scores.argmax())  # argmax gives the first of equals
        return int(positions[best]), float(scores[best])

    def _score(self, positions: Int[Tensor, "P"]) -> Float[Tensor, "P"]:
        products = torch.empty(len(positions), dtype=torch.float64, device=self.lengths.device)
        for some in blocks(len(positions), _width(self.rows), ELEMENTS):
            products[some] = along.exact_products(self.rows[positions[some]], self.aim - self.reached)
        lengths = self.lengths[positions]
        return torch.where(lengths > 0, products / lengths, -torch.inf)


def _width(rows: Float[Tensor, "N D"]) -> int:
    return rows.left.shape[1] + rows.right.shape[1] if isinstance(rows, Kronecker) else rows.shape[1]
