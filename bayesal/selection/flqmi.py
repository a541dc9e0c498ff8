"""Facility location between the batch and queries: points that are like the queries, each query in its turn."""

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Generator, Tensor

from bayesal.selection.falling import Falling
from bayesal.selection.queries import check_weight, kernel_of, similarities
from bayesal.types import Kernel


@dataclass(frozen=True, eq=False)
class Met:
    """The rows' similarities with the queries, and how well the points taken meet each query so far."""

    similar: Float[Tensor, "N Q"]
    met: Float[Tensor, "Q"]
    falling: Falling


@dataclass(frozen=True, eq=False)
class FLQMI:
    """f(A) = Σ_q max_{a in A} s_aq + η Σ_{a in A} max_q s_aq, so gain(n | A) = Σ_q (s_nq - met_q)₊ + η max_q s_nq.

    Facility location mutual information with queries (Kothawade et al., NeurIPS 2021; FL2MI). A greedy rule over
    features ``N D``, or whatever ``kernel`` reads. ``queries``: Q rows of the same kind, such as labelled points of
    rare classes. ``eta``: how much being like any query counts beside meeting all of them. Similarities: (1 + cos) / 2,
    or the kernel's, of any values of at least 0. Monotone and submodular; O(N Q) numbers, and O(N Q) work a pick, most
    of which lazy evaluation saves.

    Raises ValueError for no queries, similarities that are below 0 or not finite, and η below 0.
    """

    queries: Shaped[Tensor, "Q ..."]
    eta: float | int = 1.0
    kernel: Kernel | None = field(default=None)

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> Met:
        """Nothing taken: no query is met."""
        check_weight(self.eta, "eta")
        similar = similarities(kernel_of(self.kernel), rows, self.queries)
        return Met(similar, similar.new_zeros(similar.shape[1]), Falling.of(similar))

    def gains(self, state: Met, /) -> Float[Tensor, "N"]:
        """What each row adds to the sum of similarities."""
        return state.falling.all(lambda some: self._gains(state, some))

    def best(self, state: Met, open: Bool[Tensor, "N"], /) -> tuple[int, float]:
        """The open row of the largest gain (ties: the lowest), and that gain."""
        return state.falling.best(lambda some: self._gains(state, some), open)

    def take(self, state: Met, points: Shaped[Tensor, "P ..."], /) -> Met:
        """The queries are met as well as any of these points does."""
        if not len(points):
            return state
        similar = similarities(kernel_of(self.kernel), points, self.queries).to(state.met)
        return replace(state, met=torch.maximum(state.met, similar.amax(0)), falling=state.falling.fallen())

    def _gains(self, state: Met, positions: Int[Tensor, "P"]) -> Float[Tensor, "P"]:
        similar = state.similar[positions]
        news = (similar - state.met).clamp_min_(0).sum(1, dtype=torch.float64)
        return news + self.eta * similar.amax(1).double()
