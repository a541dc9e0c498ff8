"""BALanCe-Clustering: the card's similarities, the clustering by brute force, and its laws."""

from collections.abc import Sequence
from math import fsum

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.selection import BALanCeClustering, BatchBALD, balance_clustering, power
from bayesal.selection.balance_clustering import similarities
from bayesal.testing import check_rule
from bayesal.types import ScoredRule
from tests.oracles import PAIRS, Point, edges_cut

ROWS = torch.tensor(PAIRS, dtype=torch.float64).log()
EDGES = torch.tensor([True, False, True])


def choose(rows: Tensor, batch_size: int, edges: Tensor, seed: int = 0, max_iterations: int = 100) -> list[int]:
    rule = BALanCeClustering(edges, max_iterations)
    return rule(rows, batch_size, generator=Generator().manual_seed(seed)).tolist()


def random_rows(
    seed: int, n: int, pairs: int, c: int, scale: float = 2.0, dtype: torch.dtype = torch.float64
) -> Tensor:
    """Rows of a random linear model, so that rows share what the hypotheses disagree about."""
    generator = Generator().manual_seed(seed)
    inputs = torch.randn(n, 4, generator=generator, dtype=torch.float64)
    weights = torch.randn(2 * pairs, 4, c, generator=generator, dtype=torch.float64)
    return torch.einsum("nd,kdc->nkc", inputs, scale / 2 * weights).log_softmax(-1).to(dtype)


def similarity(points: Sequence[Point], i: int, j: int, edges: list[float]) -> float:
    """Δ(i) + Δ(j) - Δ({i, j}), each by enumeration."""
    return edges_cut(points, [i], edges) + edges_cut(points, [j], edges) - edges_cut(points, [i, j], edges)


def clustered(points: Sequence[Point], medoids: list[int], edges: list[float], most: int) -> list[int]:
    """The card's steps 4 and 5 from these first medoids, by loops; of equals the medoid, else the first."""
    everyone = range(len(points))
    similar = [[similarity(points, i, j, edges) for j in everyone] for i in everyone]
    for _ in range(most):
        clusters: list[list[int]] = [[] for _ in medoids]
        for i in everyone:
            likes = [similar[i][m] for m in medoids]
            clusters[medoids.index(i) if i in medoids else first(likes)].append(i)
        updated = []
        for medoid, members in zip(medoids, clusters, strict=True):
            totals = {i: fsum(similar[i][j] for j in members if j != i) for i in members}
            stays = totals[medoid] >= max(totals.values()) - 1e-13
            updated.append(medoid if stays else members[first(list(totals.values()))])
        if updated == medoids:
            break
        medoids = updated
    return medoids


def first(values: list[float]) -> int:
    return next(n for n, value in enumerate(values) if value >= max(values) - 1e-13)


# ---- similarities ----------------------------------------------------------------------------------------------------


def test_the_cards_similarities() -> None:
    similar = similarities(ROWS, EDGES.double())
    assert similar[[0, 0, 1], [1, 2, 2]].tolist() == pytest.approx([0.174583, 0.184682, 0.0683003], abs=5e-7)


@given(st.integers(0, 10**6), st.integers(2, 4), st.lists(st.floats(0.1, 3), min_size=1, max_size=4))
def test_similarities_are_those_of_enumeration(seed: int, classes: int, edges: list[float]) -> None:
    edges = [0.0, *edges]
    rows = random_rows(seed, 4, len(edges), classes)
    points = rows.exp().tolist()
    expected = [[similarity(points, i, j, edges) for j in range(4)] for i in range(4)]
    similar = similarities(rows, torch.tensor(edges, dtype=torch.float64))
    torch.testing.assert_close(similar, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-12)
    assert (similar >= 0).all()
    assert torch.equal(similar, similar.T)


@pytest.mark.parametrize(("features", "rows_at_once"), [(1, 1), (3, 7), (10, 30), (10**6, 10**6)])
def test_blocks_do_not_matter(features: int, rows_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, edges = random_rows(0, 30, 5, 3), torch.tensor([1.0, 0.5, 0.0, 1.0, 1.0], dtype=torch.float64)
    plain, batch = similarities(rows, edges), choose(rows, 6, edges)
    monkeypatch.setattr(balance_clustering, "FEATURES", features)
    monkeypatch.setattr(balance_clustering, "ROWS", rows_at_once)
    torch.testing.assert_close(similarities(rows, edges), plain, rtol=1e-12, atol=1e-14)
    assert choose(rows, 6, edges) == batch


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float16, 5e-3), (torch.bfloat16, 3e-2)])
def test_any_float_dtype_gives_the_same_similarities_up_to_its_precision(dtype: torch.dtype, tolerance: float) -> None:
    rows, edges = random_rows(1, 30, 10, 5), torch.ones(10, dtype=torch.float64)
    similar = similarities(rows.to(dtype), edges)
    assert similar.dtype == torch.float32
    torch.testing.assert_close(similar.double(), similarities(rows, edges), rtol=0, atol=tolerance)


# ---- the clustering --------------------------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(1, 7), st.integers(1, 3), st.floats(0.3, 4))
def test_batches_are_those_of_brute_force(seed: int, batch_size: int, most: int, scale: float) -> None:
    rows, edges = random_rows(seed, 9, 3, 3, scale), torch.tensor([1.0, 0.0, 0.5], dtype=torch.float64)
    scores = [edges_cut(rows.exp().tolist(), [i], edges.tolist()) for i in range(9)]
    start = power(torch.tensor(scores), batch_size, generator=Generator().manual_seed(seed)).tolist()
    expected = clustered(rows.exp().tolist(), start, edges.tolist(), most)
    assert choose(rows, batch_size, edges, seed, most) == expected


def test_clustering_moves_the_medoids() -> None:
    rows = random_rows(2, 60, 6, 3, 0.5)
    start = power(BALanCeClustering(torch.ones(6)).scores(rows), 5, generator=Generator().manual_seed(0)).tolist()
    assert choose(rows, 5, torch.ones(6)) != start


def test_a_round_of_two_clusters_by_hand() -> None:
    """Rows 0 to 3 are alike, as are 4 to 6; row 2 and row 5 are the most typical of theirs."""
    similar = torch.full((7, 7), 0.1)
    similar[:4, :4] = similar[4:, 4:] = 0.5
    similar[2, :4] = similar[:4, 2] = similar[5, 4:] = similar[4:, 5] = 0.7
    assert balance_clustering._updated(torch.tensor([6, 0]), similar).tolist() == [5, 2]
    assert balance_clustering._updated(torch.tensor([5, 2]), similar).tolist() == [5, 2]


def test_a_medoid_stays_in_its_own_cluster_and_a_singleton_keeps_it() -> None:
    similar = torch.tensor([[0.1, 0.9, 0.9], [0.9, 2.0, 1.5], [0.9, 1.5, 2.0]])  # row 0 is liked more than it likes
    assert balance_clustering._updated(torch.tensor([0, 1, 2]), similar).tolist() == [0, 1, 2]


def test_of_two_members_and_among_points_that_tell_nothing_the_medoid_stays() -> None:
    similar = torch.tensor([[0.0, 0.0, 0.0, 0.0], [0.0, 2.0, 1.0, 0.0], [0.0, 1.0, 3.0, 0.0], [0.0, 0.0, 0.0, 5.0]])
    assert balance_clustering._updated(torch.tensor([3, 2]), similar).tolist() == [3, 2]


def test_medoids_spread_over_groups_of_exact_duplicates() -> None:
    """Ten sorts of points in ten copies each: the batches are of more sorts than the draws they start from."""
    rows, rule = random_rows(1, 10, 8, 3).repeat(10, 1, 1), BALanCeClustering(torch.ones(8))
    scores = rule.scores(rows)
    chosen = [choose(rows, 5, rule.edges, seed) for seed in range(40)]
    drawn = [power(scores, 5, generator=Generator().manual_seed(seed)).tolist() for seed in range(40)]
    assert sum(map(num_sorts, chosen)) > sum(map(num_sorts, drawn))


def num_sorts(batch: list[int]) -> int:
    return len({n % 10 for n in batch})


# ---- laws ------------------------------------------------------------------------------------------------------------


def test_it_passes_the_public_checks_of_a_rule() -> None:
    rule = BALanCeClustering(torch.ones(5))
    assert check_rule(rule, random_rows(3, 20, 5, 3))
    assert isinstance(rule, ScoredRule)


@given(st.integers(0, 10**6), st.integers(0, 12), st.integers(0, 100))
def test_a_batch_is_that_many_different_rows_and_a_seed_fixes_it(seed: int, batch_size: int, draw: int) -> None:
    rows, edges = random_rows(seed, 12, 3, 3).float(), torch.ones(3)
    batch = choose(rows, batch_size, edges, draw)
    assert len(set(batch)) == len(batch) == batch_size
    assert set(batch) <= set(range(12))
    assert choose(rows, batch_size, edges, draw) == batch


def test_scores_are_those_of_single_points() -> None:
    scores = BALanCeClustering(EDGES).scores(ROWS)
    assert scores.tolist() == pytest.approx([0.557823, 0.208333, 0.216996], abs=5e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_points_that_tell_nothing_still_fill_a_batch(dtype: torch.dtype) -> None:
    sure = torch.eye(3, dtype=dtype).log()[torch.zeros(8, 6, dtype=torch.int64)]
    assert len(set(choose(sure, 5, torch.ones(3)))) == 5
    mixed = torch.cat([sure, random_rows(4, 3, 3, 3, dtype=dtype)])
    assert {8, 9, 10} <= set(choose(mixed, 5, torch.ones(3)))


def test_sure_hypotheses_one_pair_one_class_and_edges_of_batches() -> None:
    sure = torch.eye(3).log()[torch.randint(3, (20, 8), generator=Generator().manual_seed(0))]
    assert len(set(choose(sure, 6, torch.ones(4)))) == 6
    assert len(set(choose(random_rows(5, 9, 1, 2), 4, torch.ones(1)))) == 4
    assert len(set(choose(torch.zeros(6, 4, 1), 3, torch.ones(2)))) == 3
    assert sorted(choose(ROWS, 3, EDGES)) == [0, 1, 2]
    assert choose(ROWS, 0, EDGES) == []
    assert choose(ROWS[:0], 0, EDGES) == []


def test_rows_are_left_alone_and_may_carry_gradients() -> None:
    for rows in (random_rows(6, 12, 3, 3), torch.zeros(12, 6, 1)):
        before = rows.clone()
        choose(rows.requires_grad_(), 4, torch.ones(3))
        assert torch.equal(rows, before)


def test_without_an_edge_it_is_powerbald_and_said_so() -> None:
    rows = random_rows(7, 20, 4, 3)
    bald = BatchBALD().gains(BatchBALD().init(rows, generator=Generator()))
    with pytest.warns(UserWarning, match="drawn by PowerBALD instead"):
        batch = choose(rows, 5, torch.zeros(4))
    assert batch == power(bald, 5, generator=Generator().manual_seed(0)).tolist()


@pytest.mark.parametrize(
    ("rows", "batch_size", "edges", "sentence"),
    [
        (ROWS, 4, EDGES, "a batch of 4 was asked for, but there are only 3 rows"),
        (ROWS, -1, EDGES, "at least 0"),
        (torch.full((5, 4, 3), torch.nan), 2, torch.ones(2), "BALanCeClustering needs .* hold NaN"),
        (torch.zeros(5), 2, torch.ones(2), "BALanCeClustering chooses among log-probabilities"),
        (ROWS[:, :5], 2, torch.ones(2), "must be even, but there are 5"),
        (ROWS, 2, torch.ones(6), "3 edges were expected"),
        (ROWS, 2, torch.tensor([1.0, 1.0, -1.0]), "at least 0"),
    ],
)
def test_what_it_cannot_choose_from_gets_a_sentence(
    rows: Tensor, batch_size: int, edges: Tensor, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        choose(rows, batch_size, edges)


def test_there_must_be_an_iteration() -> None:
    with pytest.raises(ValueError, match="max_iterations must be at least 1, but it is 0"):
        BALanCeClustering(EDGES, max_iterations=0)
