"""Pairs of hypotheses: which have an edge, and which labels contradict them."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.numerics import equivalence
from bayesal.numerics.equivalence import (
    agreements,
    annealed_threshold,
    contradictions,
    edge_weights,
    edges,
    expected_error,
    hamming_distances,
    votes,
)

ballots = st.integers(1, 6).flatmap(
    lambda pairs: st.lists(st.lists(st.integers(0, 3), min_size=2 * pairs, max_size=2 * pairs), min_size=1, max_size=8)
)


def log_probabilities(seed: int, *shape: int, scale: float = 3.0, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = Generator().manual_seed(seed)
    return (scale * torch.randn(shape, generator=generator, dtype=torch.float64)).log_softmax(-1).to(dtype)


# ---- votes and distances -------------------------------------------------------------------------------------------


def test_a_vote_is_the_likeliest_class_and_of_equals_the_first() -> None:
    rows = torch.tensor([[[0.2, 0.5, 0.3], [0.4, 0.2, 0.4]], [[0.25, 0.25, 0.5], [0.0, 0.5, 0.5]]]).log()
    assert votes(rows).tolist() == [[1, 0], [2, 1]]


def test_nan_casts_no_vote() -> None:
    rows = log_probabilities(0, 4, 2, 3)
    rows[2, 1, 0] = torch.nan
    with pytest.raises(ValueError, match="point 2 of the Hamming set hold NaN"):
        votes(rows)


@given(ballots)
def test_distances_are_shares_of_disagreement(cast: list[list[int]]) -> None:
    pairs = len(cast[0]) // 2
    expected = [sum(row[k] != row[k + pairs] for row in cast) / len(cast) for k in range(pairs)]
    assert hamming_distances(torch.tensor(cast)).tolist() == pytest.approx(expected, abs=1e-15)


@given(ballots)
def test_distances_are_symmetric_and_zero_of_a_hypothesis_with_itself(cast: list[list[int]]) -> None:
    first, second = torch.tensor(cast).chunk(2, dim=1)
    there, back = hamming_distances(torch.cat([first, second], 1)), hamming_distances(torch.cat([second, first], 1))
    assert torch.equal(there, back)
    assert not hamming_distances(torch.cat([first, first], 1)).any()


def test_no_points_and_odd_hypotheses_have_no_distances() -> None:
    with pytest.raises(ValueError, match="Hamming set is empty"):
        hamming_distances(torch.zeros(0, 4, dtype=torch.int64))
    with pytest.raises(ValueError, match="must be even, but there are 3"):
        hamming_distances(torch.zeros(5, 3, dtype=torch.int64))


# ---- edges and their threshold -------------------------------------------------------------------------------------


def test_an_edge_needs_the_threshold_and_some_disagreement() -> None:
    distances = torch.tensor([0.0, 0.1, 0.2, 0.3])
    assert edges(distances, 0.2).tolist() == [False, False, True, True]
    assert edges(distances, 0).tolist() == [False, True, True, True]
    assert edges(distances, 2).tolist() == [False] * 4


@pytest.mark.parametrize("threshold", [-0.1, math.nan])
def test_a_threshold_is_at_least_zero(threshold: float) -> None:
    with pytest.raises(ValueError, match="must be at least 0"):
        edges(torch.tensor([0.1]), threshold)


def test_the_threshold_falls_with_the_error() -> None:
    assert annealed_threshold(0.2, 4) == pytest.approx(0.05)
    assert annealed_threshold(0, 4) == 0
    assert annealed_threshold(1, 0.5) == 2


@pytest.mark.parametrize(("error", "ratio"), [(-0.1, 4), (1.1, 4), (math.nan, 4), (0.2, 0), (0.2, math.nan)])
def test_errors_are_shares_and_ratios_positive(error: float, ratio: float) -> None:
    with pytest.raises(ValueError, match="but it is"):
        annealed_threshold(error, ratio)


@pytest.mark.parametrize("elements", [1, 50, 2**22])
def test_the_expected_error_is_one_minus_the_mean_of_the_winning_probability(
    elements: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = log_probabilities(1, 9, 6, 4)
    means = [[sum(p[c] for p in point) / 6 for c in range(4)] for point in rows.exp().tolist()]
    monkeypatch.setattr(equivalence, "ELEMENTS", elements)
    assert expected_error(rows) == pytest.approx(sum(1 - max(mean) for mean in means) / 9, abs=1e-12)
    assert expected_error(rows.bfloat16()) == pytest.approx(expected_error(rows), abs=2e-2)


def test_sure_hypotheses_that_agree_expect_no_error() -> None:
    assert expected_error(torch.eye(3).log()[:, None].expand(3, 4, 3)) == 0


def test_no_error_is_expected_of_nothing() -> None:
    with pytest.raises(ValueError, match="no points"):
        expected_error(torch.zeros(0, 2, 3))
    with pytest.raises(ValueError, match="hold NaN"):
        expected_error(torch.full((3, 2, 3), torch.nan))


# ---- contradictions ------------------------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 4))
def test_contradictions_are_one_minus_the_relative_likelihoods(seed: int, classes: int, pairs: int) -> None:
    probabilities = log_probabilities(seed, 3, classes, 2 * pairs).softmax(1)
    seen = contradictions(probabilities, torch.arange(pairs)).tolist()
    for n, point in enumerate(probabilities.tolist()):
        best = [max(row[j] for row in point) for j in range(2 * pairs)]
        for c in range(classes):
            for k in range(pairs):
                expected = 1 - point[c][k] / best[k] * point[c][k + pairs] / best[k + pairs]
                assert seen[n][c][k] == pytest.approx(expected, abs=1e-14)
                assert 0 <= seen[n][c][k] <= 1
    agreed = agreements(probabilities, torch.arange(pairs))
    torch.testing.assert_close(agreed, 1 - torch.tensor(seen, dtype=torch.float64), rtol=0, atol=1e-14)


def test_only_the_pairs_asked_for_are_compared() -> None:
    probabilities = log_probabilities(2, 5, 3, 8).softmax(1)
    every = contradictions(probabilities, torch.arange(4))
    assert torch.equal(contradictions(probabilities, torch.tensor([1, 3])), every[..., [1, 3]])
    assert contradictions(probabilities, torch.tensor([], dtype=torch.int64)).shape == (5, 3, 0)


def test_sure_hypotheses_contradict_every_label_they_do_not_share() -> None:
    sure = torch.tensor([[1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 0.0]])  # C 2K: pairs (0, 0) and (1, 0)
    assert contradictions(sure, torch.arange(2)).tolist() == [[0, 1], [1, 1]]


def test_what_both_find_likeliest_is_never_contradicted() -> None:
    for dtype in (torch.float32, torch.float64):
        likely = log_probabilities(3, 50, 4, 1, scale=30, dtype=dtype).softmax(1).expand(50, 4, 2)
        assert not contradictions(likely, torch.arange(1)).amin(dim=1).any()


# ---- the edges of a caller -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "hypotheses", "sentence"),
    [
        (torch.ones(3), 5, "must be even, but there are 5"),
        (torch.ones(0), 0, "must be even, but there are 0"),
        (torch.ones(3), 4, r"4 hypotheses are 2 pairs, so 2 edges were expected, but the edges have shape \(3,\)"),
        (torch.tensor([1.0, -0.5]), 4, "from -0.5 to 1"),
        (torch.tensor([1.0, torch.nan]), 4, "from nan to nan"),
        (torch.tensor([1.0, torch.inf]), 4, "from 1 to inf"),
    ],
)
def test_edges_that_fit_no_pairs_get_a_sentence(weights: Tensor, hypotheses: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        edge_weights(weights, hypotheses)


def test_edges_may_be_of_any_kind() -> None:
    for kind in (torch.bool, torch.int64, torch.float16, torch.float64):
        assert edge_weights(torch.tensor([1, 0]).to(kind), 4).tolist() == [1, 0]
