"""Equivalence classes of hypotheses: which of them differ enough to be worth telling apart, and what tells them apart.

One draw of J = 2K hypotheses is K pairs: pair k is the hypotheses k and k + K. A pair has an edge where its two
classifiers disagree on enough of some unlabelled points, the Hamming set; else the two are of one class, and no label
need be spent on them (equivalence class annealing; Zhang, Khan, Grossman and Chen, ICLR 2023).
"""

import math

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

ELEMENTS = 2**22  # numbers in one scratch array


def votes(log_probabilities: Float[Tensor, "H J C"]) -> Int[Tensor, "H J"]:
    """The class each hypothesis finds likeliest at each point (ties: the first). Raises ValueError for NaN."""
    likeliest, classes = log_probabilities.max(dim=2)
    if bool(likeliest.isnan().any()):
        raise ValueError(
            f"the log-probabilities of point {int(likeliest.isnan().nonzero()[0, 0])} of the Hamming set hold NaN; "
            "check what the model returns there"
        )
    return classes


def hamming_distances(votes: Int[Tensor, "H J"]) -> Float[Tensor, "K"]:
    """d_k = mean_i 1[a_ik ≠ a_i(k+K)], the share of the Hamming set on which pair k disagrees, from 0 to 1 (float64).

    Raises ValueError for no points and for an odd number of hypotheses.
    """
    if len(votes) == 0:
        raise ValueError("the Hamming set is empty, so no distance is known; give at least one unlabelled point")
    pairs = number_of_pairs(votes.shape[1])
    return (votes[:, :pairs] != votes[:, pairs:]).double().mean(dim=0)


def edges(distances: Float[Tensor, "K"], threshold: float | int) -> Bool[Tensor, "K"]:
    """e_k: the pairs with d_k ≥ τ and d_k > 0.

    A pair that agrees on the whole Hamming set is of one class at every threshold, also at τ = 0, where d ≥ τ alone
    would spend labels on how sure its hypotheses are instead of on what they decide. Raises ValueError for a threshold
    that is negative or NaN.
    """
    if not threshold >= 0:
        raise ValueError(f"the threshold of the distances must be at least 0, but it is {threshold}")
    return (distances >= threshold) & (distances > 0)


def annealed_threshold(error: float | int, ratio: float | int) -> float:
    """τ = ε / ρ: classes start coarse and become finer as the model's error ε falls.

    The paper's ρ is 2 to 8. Raises ValueError for an error outside 0 to 1 and for a ratio that is not above 0.
    """
    if not 0 <= error <= 1:
        raise ValueError(f"the error is a share of the points, from 0 to 1, but it is {error}")
    if not 0 < ratio < math.inf:
        raise ValueError(f"the ratio of the error to the threshold must be above 0, but it is {ratio}")
    return float(error) / float(ratio)


def expected_error(log_probabilities: Float[Tensor, "H J C"]) -> float:
    """ε = mean_i (1 - max_c p̄_ic): how often the model expects to be wrong, for when there are no labels to ask.

    Right in the mean for a calibrated model; an overconfident one anneals sooner. Raises ValueError for no points and
    for NaN.
    """
    if len(log_probabilities) == 0:
        raise ValueError("the expected error of no points is not known; give at least one unlabelled point")
    right = 0.0
    for some in log_probabilities.detach().split(max(1, ELEMENTS // max(1, log_probabilities[0].numel()))):
        right += float(some.to(torch.promote_types(some.dtype, torch.float32)).exp().mean(1).amax(1).double().sum())
    if math.isnan(right):
        raise ValueError("the log-probabilities of the Hamming set hold NaN; check what the model returns there")
    return min(max(1 - right / len(log_probabilities), 0.0), 1.0)


def agreements(probabilities: Float[Tensor, "... C J"], pairs: Int[Tensor, "P"]) -> Float[Tensor, "... C P"]:
    """Λ_k(c) = λ_k(c) λ_k+K(c) of these pairs k (ascending), with λ_j(c) = p_j(c) / max p_j, hypotheses last.

    From 0, where one of the two is sure that it is not c, to 1, where c is what both find likeliest.
    """
    return _product(probabilities / probabilities.amax(dim=-2, keepdim=True), pairs)


def contradictions(probabilities: Float[Tensor, "... C J"], pairs: Int[Tensor, "P"]) -> Float[Tensor, "... C P"]:
    """1 - Λ_k(c), to one rounding of 1. See :func:`agreements`."""
    relative = probabilities / probabilities.amax(dim=-2, keepdim=True)
    relative.clamp_min_(1e-18)  # a product below the smallest normal number would cost a hundred times as much
    return torch.rsub(_product(relative, pairs), 1)


def _product(relative: Float[Tensor, "... C J"], pairs: Int[Tensor, "P"]) -> Float[Tensor, "... C P"]:
    first, second = relative.chunk(2, dim=-1)
    both = first * second
    return both if len(pairs) == both.shape[-1] else both.index_select(-1, pairs)


def number_of_pairs(num_hypotheses: int) -> int:
    """K of 2K; else ValueError."""
    if num_hypotheses < 2 or num_hypotheses % 2:
        raise ValueError(
            "pairs of hypotheses are the two halves of one draw, so their number must be even, but there are "
            f"{num_hypotheses}; draw 2K of them"
        )
    return num_hypotheses // 2


def edge_weights(edges: Shaped[Tensor, "K"], num_hypotheses: int) -> Float[Tensor, "K"]:
    """The edges as float64, one for each pair, none negative; else ValueError."""
    pairs = number_of_pairs(num_hypotheses)
    if edges.shape != (pairs,):
        raise ValueError(
            f"{num_hypotheses} hypotheses are {pairs} pairs, so {pairs} edges were expected, but the edges have shape "
            f"{tuple(edges.shape)}"
        )
    weights = edges.detach().double()
    if not bool(((weights >= 0) & (weights < torch.inf)).all()):
        raise ValueError(
            "edges are True or False, or weights that are finite and at least 0, but these go from "
            f"{float(weights.min()):.3g} to {float(weights.max()):.3g}"
        )
    return weights
