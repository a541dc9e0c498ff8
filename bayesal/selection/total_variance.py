"""The variance left in total over many features, and by how much the label of each row lowers it: the state of Bait."""

from dataclasses import dataclass, field, replace
from functools import cached_property

from jaxtyping import Bool, Float, Int
from torch import Tensor

from bayesal.selection.factor_rows import norms, written
from bayesal.selection.known import KnownFeatures
from bayesal.selection.moment_form import FADED, MomentForm, Start, shortlist
from bayesal.selection.screen import Screen
from bayesal.selection.shortlist import Shortlist

FEW = 64  # points are never too many to be followed one by one


@dataclass(frozen=True, eq=False)
class TotalVariance:
    """gain(n) = Σ_u k(u, n)² / (k(n, n) + σ²), k being what is left of the inner products after the points ``taken``.

    ``first``: where the rows known beforehand lead. ``start``: where the numbers below start from: the same, until they
    have lost too many digits or points are as many as features; then all points are put into a new one, from scratch.
    ``lengths``: those of the rows.
    """

    first: Start
    lengths: Float[Tensor, "N"]
    start: Start
    form: MomentForm
    taken: tuple[Tensor, ...] = field(default=())
    followed: Screen | None = None

    @classmethod
    def of(cls, rows: Float[Tensor, "N 1 D"], others: tuple[Tensor, ...], noise: float) -> "TotalVariance":
        """Nothing known; ``others`` count in the total, like the rows; ``noise`` is σ²."""
        start = Start(rows, KnownFeatures(noise), others)
        return cls(start, norms(rows), start, MomentForm(start))

    def knowing(self, points: Float[Tensor, "P 1 D"]) -> "TotalVariance":
        """Before the first pick: these are known, and count."""
        norms(points, "known row")
        known = KnownFeatures(self.first.known.noise).on(points)
        start = replace(self.first, known=known, others=(*self.first.others, points))
        return TotalVariance(start, self.lengths, start, MomentForm(start))

    @cached_property
    def screen(self) -> Screen:
        """The variance and the reach of every row."""
        if self.followed is not None:
            return self.followed
        start = self.start
        return Screen.of(start.rows, self.lengths, start.known.noise, start.variance[:, 0, 0], start.reach[:, 0, 0])

    def gains(self) -> Float[Tensor, "N"]:
        """Of every row, in float64."""
        settled = self.screen.settled()
        return settled.gains(settled.exact)

    def best(self, open_: Bool[Tensor, "N"]) -> tuple[int, float]:
        """The open row with the largest gain, and that gain."""
        return self.screen.best(open_)

    def on(self, points: Float[Tensor, "P 1 D"]) -> "TotalVariance":
        """Their labels are known too."""
        state = self
        for place in range(len(points)):
            state = state._on_one(written(points[place : place + 1]))
        return state

    def _on_one(self, point: Float[Tensor, "1 1 D"]) -> "TotalVariance":
        form, w, p = self.form.taken(point)
        screen = self.screen.moved(w, p)
        screen = screen.settled() if screen.crowded else screen
        state = replace(self, taken=(*self.taken, point), form=form, followed=screen)
        return state._restarted() if state._is_worn() else state

    def _is_worn(self) -> bool:
        best = int(self.screen.bounds[0].argmax())
        faded = float(self.screen.rough[1, best]) < FADED * float(self.start.reach[best])
        return faded or len(self.form) >= max(FEW, self.start.rows.shape[2])

    def _restarted(self) -> "TotalVariance":
        start = replace(self.first, taken=self.taken)
        return replace(self, start=start, form=MomentForm(start), followed=None)

    def narrowed(self, positions: Int[Tensor, "P"]) -> Shortlist:
        """Only what dropping these points, all that were taken, would cost."""
        return shortlist(self.first, positions)
