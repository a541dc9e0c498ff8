"""Batch-BALanCe: the batch whose labels, together, tell apart the hypotheses that decide differently. Exact."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int, Shaped
from torch import Generator, Tensor
from torch.nn.functional import threshold

from bayesal.numerics.equivalence import agreements, contradictions, edge_weights
from bayesal.selection.batchbald import BatchBALD, Taken
from bayesal.selection.rows import check_log_probabilities, log_probabilities

ELEMENTS = 2**19  # numbers in one scratch array: 2 MiB of float32 stay in the cache


@dataclass(frozen=True, eq=False)
class Undecided:
    """The rows, and what the points taken so far leave of every edge.

    ``left[j, p]`` = e_k Π_{i∈S} T_i[j, k] for the p-th pair k = ``pairs[p]`` that has an edge: how much of it is
    expected to be left if hypothesis j is right. ``instead``: where no pair has an edge, the state of BatchBALD.
    """

    rows: Float[Tensor, "N J C"]
    pairs: Int[Tensor, "P"]
    left: Float[Tensor, "J P"]
    instead: Taken | None = None


@dataclass(frozen=True, eq=False)
class BatchBALanCe:
    """gain(n | S) = Δ(S ∪ n) - Δ(S), Δ(S) = (1/K) Σ_y p̃(y) Σ_k e_k (1 - Π_i Λ_ik(y_i)) (Zhang et al., ICLR 2023).

    A greedy rule over log-probabilities ``N 2K C`` of the same 2K hypotheses at every row, in any float dtype: k and
    k + K are the pair k. ``edges``: e_k for each pair, True or 1 where its classifiers differ, or any weights of at
    least 0. p̃ is the mean over all 2K hypotheses of Π_i p_j(y_i), and Λ_ik(c) = λ_ik(c) λ_i(k+K)(c) with λ = p / max p.

    Because p̃ and Λ are products over points, the sum over all C^|S| labels is a product of sums over C, and

        Δ(S) = (1/2K²) Σ_jk e_k (1 - Π_i T_i[j, k]),    T_i[j, k] = Σ_c p_ij(c) Λ_ik(c):

    every batch is exact, without configurations and without sampling, and a pick is one matrix product,

        gain(n | S) = (1/2K²) Σ_jkc left[j, k] p_nj(c) (1 - Λ_nk(c)).

    Its terms are all at least 0, so nothing cancels and small gains are as exact as large ones: products are formed in
    the rows' precision (at least float32), what is left of the edges and the last sum are float64. What is left, over
    2K², is the most that all further gains can add up to.

    If no pair has an edge, Δ is 0 for every batch: the batch is chosen by :class:`BatchBALD` over all 2K hypotheses,
    and a note says so. Raises ValueError for rows that are not such log-probabilities, for NaN, for an odd number of
    hypotheses, and for edges that are not K weights.
    """

    edges: Shaped[Tensor, "K"]

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> Undecided:
        """Nothing taken yet: every edge is whole under every hypothesis."""
        check_log_probabilities(rows, "BatchBALanCe")
        weights = edge_weights(self.edges, rows.shape[1]).to(rows.device)
        pairs = weights.nonzero().squeeze(1)
        left = weights[pairs].expand(rows.shape[1], -1)
        instead = None if len(pairs) else BatchBALD().init(rows, generator=generator)
        return Undecided(rows.detach(), pairs, left, instead)

    def gains(self, state: Undecided, /) -> Float[Tensor, "N"]:
        """Δ(S ∪ n) - Δ(S) of every row, without unit (in nats where BatchBALD chooses instead)."""
        if state.instead is not None:
            return BatchBALD().gains(state.instead)
        largest = state.left.max().clamp_min(torch.finfo(torch.float64).tiny)
        left = state.left / largest  # edges that are nearly gone would underflow in float32
        gains = [_expected(_probabilities(some), state.pairs, left) for some in state.rows.split(_step(state.rows))]
        return torch.cat(gains) * (largest / (2 * (state.rows.shape[1] // 2) ** 2))

    def take(self, state: Undecided, points: Shaped[Tensor, "P ..."], /) -> Undecided:
        """The labels of these points will be known too, whatever they turn out to be."""
        check_log_probabilities(points, "BatchBALanCe")
        if state.instead is not None:
            return replace(state, instead=BatchBALD().take(state.instead, points))
        left = state.left
        for point in points.detach().double().log_softmax(2).exp().transpose(1, 2):
            left = left * (point.T @ agreements(point, state.pairs)).clamp_max_(1)
        return replace(state, left=left)

    def limit(self, state: Undecided, /) -> float:
        """What is left of the edges, Σ_k e_k / K at first."""
        if state.instead is not None:
            return BatchBALD().limit(state.instead)
        return float(state.left.sum()) / (2 * (state.rows.shape[1] // 2) ** 2)

    def notes(self, state: Undecided, /) -> tuple[str, ...]:
        """Whether BatchBALD chose instead."""
        if state.instead is None:
            return ()
        return (
            f"none of the {state.rows.shape[1] // 2} pairs of hypotheses disagrees by the threshold, so there is "
            "nothing for BatchBALanCe to tell apart and the batch was chosen by BatchBALD instead",
        )


def _expected(
    probabilities: Float[Tensor, "n C J"], pairs: Int[Tensor, "P"], left: Float[Tensor, "J P"]
) -> Float[Tensor, "n"]:
    """Σ_jkc left[j, k] p_nj(c) (1 - Λ_nk(c)): products in the rows' precision, the last sum in float64."""
    reached = probabilities @ left.to(probabilities.dtype)
    return reached.mul_(contradictions(probabilities, pairs)).sum(2).double().sum(1)


def _probabilities(rows: Float[Tensor, "n J C"]) -> Float[Tensor, "n C J"]:
    # below exp(-87) are no normal float32, and those are ten times as slow: exp(-80) counts as 0
    logs = log_probabilities(rows).transpose(1, 2).clone(memory_format=torch.contiguous_format)
    return threshold(logs, -80.0, -torch.inf, inplace=True).exp_()


def _step(rows: Tensor) -> int:
    return max(1, ELEMENTS // rows.shape[1:].numel())
