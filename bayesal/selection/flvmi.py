"""Facility location over the pool, towards queries: points that stand for the part of the pool that is like them."""

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Generator, Tensor

from bayesal.selection.falling import Falling
from bayesal.selection.queries import check_weight, checked, kernel_of, similarities
from bayesal.types import Kernel

ELEMENTS = 2**22  # similarities computed together


@dataclass(frozen=True, eq=False)
class Covered:
    """The rows, how well each is to be covered at most, and how well the points taken cover it so far."""

    rows: Shaped[Tensor, "N ..."]
    most: Float[Tensor, "N"]
    covered: Float[Tensor, "N"]
    falling: Falling


@dataclass(frozen=True, eq=False)
class FLVMI:
    """f(A) = Σ_{i in V} min(max_{a in A} s_ia, η max_q s_iq), V all rows (Kothawade et al., NeurIPS 2021; FL1MI).

    A greedy rule whose rows, ``queries``, ``kernel`` and errors are those of
    :class:`~bayesal.selection.flqmi.FLQMI`. ``eta``: how well a row is to be covered, for how like the queries it is.
    Monotone and submodular. The N x N similarities are computed a few columns at a time: all of them once, then those
    that lazy evaluation asks for.
    """

    queries: Shaped[Tensor, "Q ..."]
    eta: float | int = 1.0
    kernel: Kernel | None = field(default=None)

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> Covered:
        """Nothing taken: nothing is covered."""
        check_weight(self.eta, "eta")
        most = self.eta * similarities(kernel_of(self.kernel), rows, self.queries).amax(1)
        return Covered(rows.detach(), most, torch.zeros_like(most), Falling.of(most))

    def gains(self, state: Covered, /) -> Float[Tensor, "N"]:
        """How much better each row would cover the pool."""
        return state.falling.all(lambda some: self._gains(state, some))

    def best(self, state: Covered, open: Bool[Tensor, "N"], /) -> tuple[int, float]:
        """The open row of the largest gain (ties: the lowest), and that gain."""
        return state.falling.best(lambda some: self._gains(state, some), open)

    def take(self, state: Covered, points: Shaped[Tensor, "P ..."], /) -> Covered:
        """The pool is covered as well as any of these points does."""
        if not len(points):
            return state
        covered = state.covered
        for some in points.split(self._step(state)):
            similar = checked(kernel_of(self.kernel).covariance(state.rows, some)).to(covered)
            covered = torch.maximum(covered, torch.minimum(similar.amax(1), state.most))
        return replace(state, covered=covered, falling=state.falling.fallen())

    def _gains(self, state: Covered, positions: Int[Tensor, "P"]) -> Float[Tensor, "P"]:
        gains = state.covered.new_empty(len(positions), dtype=torch.float64)
        for some, part in zip(positions.split(self._step(state)), gains.split(self._step(state)), strict=True):
            similar = checked(kernel_of(self.kernel).covariance(state.rows, state.rows[some])).to(state.most)
            news = torch.minimum(similar, state.most[:, None]).sub_(state.covered[:, None]).clamp_min_(0)
            torch.sum(news, 0, dtype=torch.float64, out=part)
        return gains

    def _step(self, state: Covered) -> int:
        return max(1, ELEMENTS // max(1, len(state.rows)))
