"""How far the labels of rows of Fisher factors lower tr M⁻¹F: the state of FisherBait."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from bayesal.selection.factor_rows import against, point_blocks
from bayesal.selection.known import KnownInformation
from bayesal.selection.moment_form import FADED, MomentForm, Start, shortlist
from bayesal.selection.shortlist import Shortlist

ROUNDING = 1e-13  # of a gain at the start


@dataclass(frozen=True, eq=False)
class FisherInformation:
    """gain(n) = tr (noise I + V M⁻¹Vᵀ)⁻¹ V M⁻¹F M⁻¹Vᵀ: M is what is known after the points ``taken``.

    ``variance``: V M⁻¹Vᵀ and ``reach``: V M⁻¹F M⁻¹Vᵀ of every row, R x R each. They start from ``start``: from what was
    ``known`` (``first``), until they have lost too many digits or points are as many as features; then from scratch.
    """

    first: Start
    start: Start
    form: MomentForm
    taken: tuple[Tensor, ...] = field(default=())
    followed: tuple[Float[Tensor, "N R R"], Float[Tensor, "N R R"]] | None = None

    @classmethod
    def of(cls, rows: Float[Tensor, "N R D"], known: KnownInformation) -> "FisherInformation":
        """Nothing taken yet. F is the mean over these rows and those known."""
        others = (known.points,) if len(known.points) else ()
        start = Start(rows, known, others, 1 / max(1, len(rows) + len(known.points)))
        return cls(start, start, MomentForm(start))

    @property
    def blocks(self) -> tuple[Float[Tensor, "N R R"], Float[Tensor, "N R R"]]:
        """Variance and reach."""
        return (self.start.variance, self.start.reach) if self.followed is None else self.followed

    @cached_property
    def gains(self) -> Float[Tensor, "N"]:
        """Of every row; below 0 is rounding."""
        return _gains(*self.blocks, self.first.known.noise)

    def best(self, open_: Bool[Tensor, "N"]) -> tuple[int, float]:
        """The open row with the largest gain, and that gain; of those equal but for rounding the lowest."""
        gains = self.gains.masked_fill(~open_, -torch.inf)
        largest = int(gains.argmax())
        slack = ROUNDING * float(self.start.reach[largest].trace()) / self.first.known.noise
        position = int((gains >= gains[largest] - slack).nonzero()[0])
        return position, float(gains[position])

    def on(self, points: Float[Tensor, "P R D"]) -> "FisherInformation":
        """Their labels are known too."""
        state = self
        for place in range(len(points)):
            state = state._on_one(points[place : place + 1])
        return state

    def _on_one(self, point: Float[Tensor, "1 R D"]) -> "FisherInformation":
        form, w, p = self.form.taken(point)
        on_w, on_p = against(self.start.rows, w), against(self.start.rows, p)
        variance, reach = self.blocks
        crossed = on_w @ on_p.mT
        followed = (variance - on_w @ on_w.mT, reach - crossed - crossed.mT)
        state = replace(self, form=form, taken=(*self.taken, point), followed=followed)
        return state._restarted() if state._is_worn() else state

    def _is_worn(self) -> bool:
        best = int(self.gains.argmax())
        faded = float(self.blocks[1][best].trace()) < FADED * float(self.start.reach[best].trace())
        return faded or len(self.form) >= self.start.rows.shape[2]

    def _restarted(self) -> "FisherInformation":
        start = replace(self.first, taken=self.taken)
        first = replace(self.first)  # without the matrices it has computed, which are not needed until the end
        return replace(self, first=first, start=start, form=MomentForm(start), followed=None)

    def narrowed(self, positions: Int[Tensor, "K"]) -> Shortlist:
        """Only what dropping these points, all that were taken, would cost."""
        return shortlist(self.first, positions)


def _gains(variance: Float[Tensor, "N R R"], reach: Float[Tensor, "N R R"], noise: float) -> Float[Tensor, "N"]:
    size = variance.shape[1]
    if size == 1:
        return (reach.clamp_min(0) / (variance.clamp_min(0) + noise))[:, 0, 0]
    gains = variance.new_empty(len(variance))
    for some in point_blocks(len(variance), 4 * size**2):
        noisy = (variance[some] + variance[some].mT) / 2
        noisy.diagonal(dim1=1, dim2=2).add_(noise)
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(noisy))
        gains[some] = (inverse * reach[some]).sum((1, 2))
    return gains.clamp_min_(0)
