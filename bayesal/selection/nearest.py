"""How far every row is from the rows taken so far: brought up to date only where it matters.

A squared distance to the nearest row taken only falls while more are taken, so an old one is an upper bound. A row is
brought up to date by comparing it with the rows taken since, many at once, as products of matrices.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from bayesal.numerics.distance.measured import Measured, Where
from bayesal.numerics.distance.of import measured
from bayesal.numerics.growing import Growing
from bayesal.numerics.linalg import blocks
from bayesal.types import Kernel

PAIRS = 2**22  # screened at once: 16 MiB in float32
FEW = 2**15  # pairs that are compared at once, whatever was missed
FAVOURITES = 16  # rows brought up to date first
RECENT = 16  # rows taken: those that missed more are brought up to date apart


@dataclass(frozen=True, eq=False)
class Nearest:
    """N rows, and for each of them the nearest among the first ``seen`` of the S taken, which are the ``growing``.

    ``squared`` is the squared distance to it, in float64 and infinite before any was seen, and ``centre`` its place
    (ties: the first). What is brought up to date is written here, which only makes the next question cheaper.
    """

    rows: Measured
    growing: tuple[Growing, ...]
    squared: Float[Tensor, "N"]
    centre: Int[Tensor, "N"]
    seen: Int[Tensor, "N"]

    @classmethod
    def to_nothing(cls, rows: Shaped[Tensor, "N ..."], kernel: Kernel | None) -> "Nearest":
        """Nothing is taken. Raises ValueError for rows that cannot be measured, and for NaN."""
        ready = measured(rows, kernel)
        none = ready.own.new_zeros(len(ready), dtype=torch.int64)
        far = ready.own.new_full((len(ready),), torch.inf, dtype=torch.float64)
        nothing = tuple(Growing.of(part[:0]) for part in ready.parts)
        return cls(ready, nothing, far, none, none.clone())

    @property
    def taken(self) -> int:
        """How many rows are taken."""
        return self.growing[-1].size

    def and_to(self, points: Shaped[Tensor, "P ..."]) -> "Nearest":
        """These points are taken too."""
        more = self.rows.beside(points).parts
        growing = tuple(part.and_rows(some) for part, some in zip(self.growing, more, strict=True))
        squared, centre, seen = self.squared.clone(), self.centre.clone(), self.seen.clone()
        return replace(self, growing=growing, squared=squared, centre=centre, seen=seen)

    def bounded(self) -> None:
        """Where no row was compared yet: upper bounds of the distances to all that are taken, by the screen alone."""
        missed = self.rows.of_parts(tuple(part.rows for part in self.growing))
        for some in blocks(len(self.rows), self.taken, PAIRS):
            self.squared[some] = self.rows.at_most(some, missed)
        if not bool(self.squared.max() < torch.inf):
            self.squared.fill_(torch.inf)
            self.up_to_date()

    def up_to_date(self) -> "Nearest":
        """The same, after every row was compared with all that are taken."""
        if len(self.rows):
            start = int(self.seen.min())
            for some in blocks(len(self.rows), self.taken - start, PAIRS):
                self._compare(some, start)
        return self

    def longest(self, open_: Bool[Tensor, "N"], but: int = 0) -> tuple[int, float]:
        """The open row with the largest squared length (ties: the lowest) but for so many, and that."""
        return largest(self.rows.squared_norms(), open_.nonzero().squeeze(1), but)

    def farthest(self, open_: Bool[Tensor, "N"], but: int = 0) -> tuple[int, float]:
        """The open row with the largest squared distance (ties: the lowest) but for so many, and that; something must
        be taken."""
        bounds = self.squared.masked_fill(~open_, -1)
        count = FAVOURITES + but
        values, favourites = bounds.topk(min(count, len(bounds)))
        if float(values[0]) == torch.inf:
            self.up_to_date()
            reaching = open_.nonzero().squeeze(1)
        else:
            while True:
                self.refresh(favourites)
                bounds[favourites] = torch.where(open_[favourites], self.squared[favourites], -1.0)
                reached = float(bounds[favourites].sort().values[-1 - but :][0])
                if reached > 0 or count >= len(bounds) or not bool(values[: but + 1][-1] > 0):
                    break
                count *= 4  # they are all copies of what is taken: look further
                values, favourites = bounds.topk(min(count, len(bounds)))
            reaching = ((bounds >= reached) & open_).nonzero().squeeze(1)
            self.refresh(reaching[self.squared[reaching] > 0])  # 0 cannot fall
        return largest(self.squared, reaching, but)

    def nothing_is_left(self) -> bool:
        """Whether every row is a copy of one that is taken."""
        while self.taken:
            favourites = self.squared.topk(min(FAVOURITES, len(self.squared))).indices
            self.refresh(favourites)
            if not bool(self.squared.max() > 0):
                return True
            if bool((self.squared[favourites] > 0)[self.seen[favourites] == self.taken].any()):
                return False
        return False

    def refresh(self, positions: Int[Tensor, "n"]) -> None:
        """Compare these rows with what was taken since they last were."""
        stale = positions[self.seen[positions] < self.taken]
        if not len(stale):
            return
        seen = self.seen[stale]
        recent = seen >= self.taken - RECENT
        few = len(stale) * (self.taken - int(seen.min())) <= FEW
        for some in (stale,) if few else (stale[recent], stale[~recent]):
            if len(some):
                start = int(self.seen[some].min())
                for part in some.split(max(1, PAIRS // max(self.rows.width, self.taken - start))):
                    self._compare(part, start)

    def _compare(self, where: Where, start: int) -> None:
        if start == self.taken:
            return
        missed = self.rows.of_parts(tuple(part.rows[start:] for part in self.growing))
        positions, squared, which = self.rows.closer(where, missed, self.squared[where])
        self.squared[positions] = squared
        self.centre[positions] = which + start
        self.seen[where] = self.taken


def largest(values: Float[Tensor, "N"], positions: Int[Tensor, "n"], but: int) -> tuple[int, float]:
    """The position with the largest value (ties: the first) but for so many, or the last there is, and its value."""
    some = values[positions]
    order = some.argmax()[None] if not but else some.argsort(descending=True, stable=True)  # both: the first of equals
    best = order[: but + 1][-1]
    return int(positions[best]), float(some[best])
