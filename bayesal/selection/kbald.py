"""k-BALD: BatchBALD from the labels of at most k points at a time, which nothing saturates."""

from dataclasses import dataclass, replace
from math import comb

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Generator, Tensor

from bayesal.selection.configurations import Configurations, rounding
from bayesal.selection.rows import check_log_probabilities, log_probabilities
from bayesal.selection.subsets import Subsets, information

MOST_LABELS = 100_000  # in which the labels of order - 1 points may turn out
FAVOURITES = 64  # rows brought up to date together


@dataclass(frozen=True)
class KBALD:
    """gain(n | S) = Σ_U c_u I(y_n; w | y_U) over subsets U of S of u < order points, with
    c_u = Σ_{j < order - u} (-1)^j (s - u choose j) for a batch of s points so far.

    The inclusion-exclusion expansion of BatchBALD cut off after the terms of ``order`` labels (Kirsch, 2023,
    arXiv:2301.09490), in nats. Order 1 is BALD; order 2 is BALD(n) - Σ_{j ∈ S} I(y_n; y_j), at N K C² a pick; the
    first ``order`` picks have BatchBALD's gains exactly. A greedy rule over log-probabilities ``N K C`` of the same K
    hypotheses at every row, in any float dtype.

    Nothing is sampled and nothing saturates at ln K. But what many alike points share is taken away more than once, so
    that gains may be negative: picks go on, and ``notes`` says so.

    Raises ValueError for rows that are not log-probabilities ``N K C``, and if C^(order - 1) is more than 100 000.
    """

    order: int = 2

    def __post_init__(self) -> None:
        if self.order < 1:
            raise ValueError(f"order must be at least 1, but it is {self.order}")

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> Subsets:
        """Nothing taken yet: there is only the empty subset."""
        check_log_probabilities(rows, "KBALD")
        num_labels = rows.shape[2] ** (self.order - 1)
        if num_labels > MOST_LABELS:
            raise ValueError(
                f"the labels of {self.order - 1} points with {rows.shape[2]} classes can turn out in {num_labels} "
                f"ways, but KBALD lists at most {MOST_LABELS}; lower the order (now {self.order})"
            )
        rows = rows.detach()
        dtype = torch.float64 if rows.dtype == torch.float64 else torch.float32
        nothing = Configurations.none_taken(rows.shape[1], dtype=dtype, device=rows.device)
        sums = torch.zeros(self.order, len(rows), dtype=torch.float64, device=rows.device)
        everything = torch.arange(len(rows), device=rows.device)
        sums[0] = information(rows, everything, nothing)
        lowest = sums.new_full((), torch.inf)
        return Subsets(rows, 0, sums, (nothing,), lowest, generator, (), torch.zeros_like(everything))

    def gains(self, state: Subsets, /) -> Float[Tensor, "N"]:
        """The gain of every row, of any sign."""
        state.count(torch.arange(len(state.rows), device=state.rows.device))
        gains = self._gains(state)
        if len(gains):
            state.lowest.clamp_(max=float(gains.max()))
        return gains

    def best(self, state: Subsets, open: Bool[Tensor, "N"], /) -> tuple[int, float]:
        """The open row with the largest gain (ties: the lowest), and that gain."""
        candidates = self._leading(state, open.nonzero().squeeze(1))
        gains = self._gains(state)[candidates]
        best = int(gains.argmax())
        state.lowest.clamp_(max=float(gains[best]))
        return int(candidates[best]), float(gains[best])

    def take(self, state: Subsets, points: Shaped[Tensor, "P ..."], /) -> Subsets:
        """Every subset of what was taken, with and without each of these points."""
        check_log_probabilities(points, "KBALD")
        for point in log_probabilities(points.detach()).to(state.configurations[0].posteriors.dtype).exp():
            state = self._taken(state, point)
        return state

    def notes(self, state: Subsets, /) -> tuple[str, ...]:
        """Whether the best gain of a pick was negative."""
        if state.lowest >= -10 * rounding(state.rows):
            return ()
        return (
            f"the best gain of a pick, cut off after {self.order} labels, was negative ({float(state.lowest):.3g}): "
            "many points are alike, and what they share was taken away more than once; choose a smaller batch, a "
            "higher order or BatchBALD",
        )

    def _gains(self, state: Subsets) -> Float[Tensor, "N"]:
        """Of rows that are not up to date, an upper bound: what they share with a pick can only lower it."""
        if self.order == 2:
            return (1 - state.counted) * state.sums[0] + state.sums[1]
        return state.sums.new_tensor(_coefficients(state.size, self.order)) @ state.sums

    def _leading(self, state: Subsets, candidates: Int[Tensor, "R"]) -> Int[Tensor, "R2"]:
        """In order, and up to date: those of the candidates that can have the largest gain (lazy greedy)."""
        if self.order != 2:
            return candidates
        bounds = self._gains(state)
        by_bound = candidates[bounds[candidates].argsort(descending=True, stable=True)]
        best = -torch.inf
        for start in range(0, len(by_bound), FAVOURITES):
            some = by_bound[start : start + FAVOURITES]
            if bounds[some[0]] < best - rounding(state.rows):
                return by_bound[:start].sort().values
            state.count(some)
            best = max(best, float(self._gains(state)[some].max()))
        return candidates

    def _taken(self, state: Subsets, point: Float[Tensor, "K C"]) -> Subsets:
        before = state.configurations[: self.order - 1]
        grown = [each.extended(point, len(each) * point.shape[1], generator=state.generator) for each in before]
        sums, size = state.sums.clone(), state.size + 1
        lowest, counted = state.lowest.clone(), state.counted.clone()
        if self.order == 2:
            labels = (*state.labels, *grown)
            return replace(state, size=size, sums=sums, lowest=lowest, labels=labels, counted=counted)
        everything = torch.arange(len(state.rows), device=state.rows.device)
        for u, subsets in enumerate(grown, start=1):
            sums[u] += comb(state.size, u - 1) * information(state.rows, everything, subsets)
        after = [state.configurations[0]]
        for u, subsets in enumerate(grown[: self.order - 2], start=1):
            share = u / size  # of the subsets of u points, those with this point
            after.append(_either(subsets, before[u], share) if u < len(before) else subsets)
        return replace(state, size=size, sums=sums, configurations=tuple(after), lowest=lowest)


def _coefficients(size: int, order: int) -> list[int]:
    """c_U for |U| = 0 ... order - 1; there are no subsets of more than ``size`` points."""
    return [sum((-1) ** j * comb(size - u, j) for j in range(order - u)) if u <= size else 0 for u in range(order)]


def _either(one: Configurations, other: Configurations, share: float) -> Configurations:
    """The first with probability ``share``, else the other."""
    weights = torch.cat([share * one.weights, (1 - share) * other.weights])
    return Configurations(torch.cat([one.posteriors, other.posteriors]), weights)
