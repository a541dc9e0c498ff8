"""What is left of the variance of many features, and lazily so: the state of MaxDet.

The variance of row φ given points is φ S_0 φ - ‖Wφ‖², one row of W a point. It only falls, so what a row had earlier is
an upper bound of what it has now: only rows that can still be the largest are brought up to date, by one product with
the rows of W they have not seen.
"""

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from bayesal.selection.factor_rows import against, applied, norms, point_blocks, quadratics, written
from bayesal.selection.known import KnownFeatures

ROUNDING = 1e-13  # of a variance before anything is known: less than that is nothing left
FAVOURITES = 64  # rows brought up to date first, then twice as many, and so on
BLOCK = 64  # directions kept together


@dataclass(frozen=True, eq=False)
class Residuals:
    """``variance[n]`` is what the first ``seen[n]`` directions leave of ``prior[n]``, so at least what is left of it.

    ``start``: S_0, which is what is ``known`` leaves; ``taken``: the points since. ``up_to_date`` and ``largest``
    write better bounds here, which only makes them faster.
    """

    rows: Float[Tensor, "N 1 D"]
    known: KnownFeatures
    prior: Float[Tensor, "N"]
    variance: Float[Tensor, "N"]
    seen: Int[Tensor, "N"]
    taken: Float[Tensor, "P D"]
    start: Float[Tensor, "D D"] | float = 1.0
    directions: tuple[Float[Tensor, "_ D"], ...] = field(default=())

    @classmethod
    def of(cls, rows: Float[Tensor, "N 1 D"], noise: float) -> "Residuals":
        """Nothing known; ``noise`` is σ²."""
        prior = norms(rows).square()
        seen = torch.zeros(len(rows), dtype=torch.int64, device=rows.device)
        return cls(rows, KnownFeatures(noise), prior, prior.clone(), seen, prior.new_empty(0, rows.shape[2]))

    @property
    def noise(self) -> float:
        """σ²."""
        return self.known.noise

    def on(self, points: Float[Tensor, "P 1 D"]) -> "Residuals":
        """Their labels are known too."""
        norms(points, "taken row")
        width = self.rows.shape[2]
        if self.noise > 0 and len(points) + len(self.taken) >= max(BLOCK, width):
            return self._restarted(points)
        state = replace(self, variance=self.variance.clone(), seen=self.seen.clone())
        for place in range(len(points)):
            state = state._on_one(points[place : place + 1])
        return state

    def _on_one(self, point: Float[Tensor, "1 1 D"]) -> "Residuals":
        """One more direction, or none where nothing is left of the point and σ is 0."""
        features = written(point)[0]
        left = applied(point, self.start)
        own = before = float((left * features).sum())
        for w in self.directions:
            on_w = features @ w.mT
            left = left - on_w @ w
            own -= float(on_w.square().sum())
        own = own if own > ROUNDING * before else 0.0
        taken = torch.cat([self.taken, features])
        if own + self.noise == 0:
            return replace(self, taken=taken)
        w = left / (own + self.noise) ** 0.5
        if self.directions and len(self.directions[-1]) < BLOCK:
            directions = (*self.directions[:-1], torch.cat([self.directions[-1], w]))
        else:
            directions = (*self.directions, w)
        return replace(self, taken=taken, directions=directions)

    def _restarted(self, points: Float[Tensor, "P 1 D"]) -> "Residuals":
        """All points in S_0, from scratch: never more directions than features."""
        known = self.known.on(self.taken[:, None]).on(points)
        start = known.covariance()
        variance = quadratics(self.rows, start)[:, 0, 0].clamp_min_(0)
        seen = torch.zeros_like(self.seen)
        return Residuals(self.rows, known, variance, variance.clone(), seen, self.taken[:0], start)

    def up_to_date(self) -> Float[Tensor, "N"]:
        """The variance left of every row."""
        self._bring(torch.arange(len(self.rows), device=self.rows.device))
        return self.variance.clone()

    def largest(self, open_: Bool[Tensor, "N"]) -> tuple[int, float]:
        """The open row of which most is left, and how much; of those equal but for rounding the lowest."""
        total = sum(map(len, self.directions))
        slack = ROUNDING * float(self.prior.max())
        bounds = torch.where(open_, self.variance, -torch.inf)
        stale = self.seen < total
        some, size = bounds.topk(min(FAVOURITES, len(bounds))).indices, FAVOURITES
        while len(some):
            self._bring(some[open_[some]])
            stale[some] = False
            bounds[some] = torch.where(open_[some], self.variance[some], -torch.inf)
            reaching = (stale & (bounds >= bounds.masked_fill(stale, -torch.inf).max() - slack)).nonzero().squeeze(1)
            size *= 2
            some = reaching[bounds[reaching].topk(min(size, len(reaching))).indices]
        best = bounds.masked_fill(stale, -torch.inf)
        position = int((best >= best.max() - slack).nonzero()[0])
        return position, float(best[position])

    def _bring(self, positions: Int[Tensor, "P"]) -> None:
        positions = positions[self.seen[positions] < sum(map(len, self.directions))]
        if not len(positions):
            return
        first = int(self.seen[positions].min())
        directions = torch.cat(self.directions)[first:]
        for some in point_blocks(len(positions), self.rows.shape[2] + len(directions)):
            self._bring_some(positions[some], first, directions)

    def _bring_some(self, positions: Int[Tensor, "p"], first: int, directions: Float[Tensor, "T D"]) -> None:
        numbers = torch.arange(first, first + len(directions), device=directions.device)
        known = numbers < self.seen[positions, None]
        on_w = against(self.rows[positions], directions)[:, 0]
        variance = self.variance[positions] - on_w.masked_fill_(known, 0).square_().sum(1)
        nothing = variance <= ROUNDING * self.prior[positions]
        self.variance[positions] = variance.masked_fill_(nothing, 0)
        self.seen[positions] = first + len(directions)
