"""Two numbers of many rows that fall as points are taken: roughly in one fast pass, exactly only where it matters.

With a = φ·w and b = φ·p, each point changes a row's variance by -a² and its reach by -2ab. All rows are followed in
their own precision, beside a bound on what that rounds; the rows that can be the best within the bounds are computed in
float64. So float32 rows cost float32 time, and the choice is that of float64.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from bayesal.selection.factor_rows import against, point_blocks

ROUNDING = 1e-14  # of a number at the start: what float64 rounds of it
MANY = 256  # rows, or a 32nd of all: if more than that can be the best, all are computed


@dataclass(frozen=True, eq=False)
class Screen:
    """``variance`` and ``reach`` are exact but for the points ``pending``, whose w and p are rows of it; ``rough`` are
    the two with all points, at most ``slack`` off."""

    rows: Float[Tensor, "N 1 D"]
    lengths: Float[Tensor, "N"]
    noise: float
    floor: Float[Tensor, "2 N"]
    exact: Float[Tensor, "2 N"]
    rough: Float[Tensor, "2 N"]
    slack: Float[Tensor, "2 N"]
    pending: Float[Tensor, "2 T D"]

    @classmethod
    def of(
        cls,
        rows: Float[Tensor, "N 1 D"],
        lengths: Float[Tensor, "N"],
        noise: float,
        variance: Float[Tensor, "N"],
        reach: Float[Tensor, "N"],
    ) -> "Screen":
        """Before any point."""
        exact = torch.stack([variance, reach])
        floor = ROUNDING * exact.abs()
        pending = exact.new_empty(2, 0, rows.shape[2])
        return cls(rows, lengths, noise, floor, exact, exact, floor, pending)

    def moved(self, w: Float[Tensor, "1 D"], p: Float[Tensor, "1 D"]) -> "Screen":
        """After one more point."""
        pair = torch.cat([w, p])
        scale = pair.norm(dim=1).clamp_min(torch.finfo(pair.dtype).tiny)
        seen = against(self.rows, (pair / scale[:, None]).to(self.rows.dtype))[:, 0].double()
        a, b = (seen * scale).T
        unit = torch.finfo(self.rows.dtype).eps / 2 * (self.rows.shape[2] + 8)  # of ‖φ‖‖w‖: adding in any order
        off_a, off_b = self.lengths * (unit * scale[0]), self.lengths * (unit * scale[1])
        rough = self.rough - torch.stack([a * a, 2 * a * b])
        size_a, size_b = a.abs(), b.abs()
        slack_variance = (2 * size_a + off_a) * off_a
        slack_reach = 2 * (size_a * off_b + size_b * off_a + off_a * off_b)
        slack = self.slack + torch.stack([slack_variance, slack_reach])
        return replace(self, rough=rough, slack=slack, pending=torch.cat([self.pending, pair[:, None]], 1))

    def settled(self) -> "Screen":
        """All rows computed in float64."""
        exact = self.exact_at(torch.arange(len(self.rows), device=self.rows.device))
        return replace(self, exact=exact, rough=exact, slack=self.floor, pending=self.pending[:, :0])

    def exact_at(self, positions: Int[Tensor, "P"]) -> Float[Tensor, "2 P"]:
        """Variance and reach of these rows in float64."""
        exact = self.exact[:, positions].clone()
        if self.pending.shape[1]:
            both = self.pending.flatten(0, 1)
            for some in point_blocks(len(positions), both.shape[0] + self.rows.shape[2]):
                a, b = against(self.rows[positions[some]], both)[:, 0].chunk(2, dim=1)
                exact[0, some] -= a.square().sum(1)
                exact[1, some] -= 2 * (a * b).sum(1)
        return exact

    def gains(self, exact: Float[Tensor, "2 P"]) -> Float[Tensor, "P"]:
        """Reach over variance and noise; below 0 is rounding."""
        return exact[1].clamp_min(0) / (exact[0].clamp_min(0) + self.noise)

    @cached_property
    def bounds(self) -> tuple[Float[Tensor, "N"], Float[Tensor, "N"]]:
        """The least and the most that each gain can be."""
        least = self.gains(torch.stack([self.rough[0] + self.slack[0], self.rough[1] - self.slack[1]]))
        most = self.gains(torch.stack([self.rough[0] - self.slack[0], self.rough[1] + self.slack[1]]))
        return least, most

    def candidates(self, open_: Bool[Tensor, "N"]) -> Int[Tensor, "P"]:
        """The open rows that can be the best of those open."""
        least, most = self.bounds
        return ((most >= least[open_].max()) & open_).nonzero().squeeze(1)

    def best(self, open_: Bool[Tensor, "N"]) -> tuple[int, float]:
        """The open row with the largest gain, and that gain; of those equal but for rounding the lowest."""
        positions = self.candidates(open_)
        exact = self.exact_at(positions)
        gains = self.gains(exact)
        largest = gains.argmax()
        rounding = self.floor[1, positions[largest]] / (exact[0, largest].clamp_min(0) + self.noise)
        first = int((gains >= gains[largest] - rounding).nonzero()[0])
        return int(positions[first]), float(gains[first])

    @property
    def crowded(self) -> bool:
        """Whether so many rows can be the best that following them roughly saves nothing."""
        least, most = self.bounds
        return self.pending.shape[1] > 0 and int((most >= least.max()).sum()) > max(MANY, len(self.rows) // 32)
