"""Clusters, how pure balls are, and how typical rows are, against their definitions."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.numerics import ball_purity, lloyd
from bayesal.numerics.clusters import k_means
from bayesal.numerics.distance.of import measured
from bayesal.numerics.distance.within import within
from bayesal.numerics.typicality import typicality

seeds = st.integers(0, 2**32 - 1)
LINE = torch.tensor([0, 0.5, 0.9, 1.2, 3, 3.3, 6], dtype=torch.float64)[:, None]
KINDS = torch.tensor([0, 0, 0, 1, 1, 1, 2])


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def blobs(seed: int = 0, count: int = 5, each: int = 30) -> Tensor:
    return (20 * drawn(seed, count, 1, 3) + drawn(seed + 1, count, each, 3)).flatten(0, 1)


def partition(assignment: Tensor) -> set[frozenset[int]]:
    return {frozenset((assignment == k).nonzero().squeeze(1).tolist()) for k in assignment.unique()}


def inertia(rows: Tensor, assignment: Tensor) -> float:
    return sum(
        float((rows[assignment == k] - rows[assignment == k].mean(0)).square().sum()) for k in assignment.unique()
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_clusters_that_lie_apart_are_found_on_every_path(dtype: torch.dtype) -> None:
    rows = blobs().to(dtype)
    expected = {frozenset(range(30 * k, 30 * k + 30)) for k in range(5)}
    for find in (k_means, lloyd.lloyd):
        assignment, centres = find(rows.float(), 5, generator=Generator().manual_seed(0))
        assert partition(assignment) == expected
        means = torch.stack([rows.float()[assignment == k].mean(0) for k in range(5)])
        assert torch.allclose(centres, means, rtol=1e-4, atol=1e-3)
    assert partition(k_means(rows, 5, generator=Generator().manual_seed(1))[0]) == expected


@pytest.mark.parametrize("k", [3, 20])
def test_both_paths_find_equally_good_clusters(k: int) -> None:
    rows = drawn(5, 300, 4)
    found = [find(rows, k, generator=Generator().manual_seed(0))[0] for find in (k_means, lloyd.lloyd)]
    assert inertia(rows, found[1]) == pytest.approx(inertia(rows, found[0]), rel=0.05)
    assert all(len(some.unique()) == k for some in found)


def test_many_clusters_of_many_rows_are_found_in_small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bayesal.numerics.clusters.FEW", 3)
    monkeypatch.setattr("bayesal.numerics.clusters.BATCH", 100)
    assignment, _ = k_means(blobs(), 5, generator=Generator().manual_seed(0))
    assert len(partition(assignment)) == 5


def test_a_seed_is_a_clustering_and_the_global_generator_is_left_alone() -> None:
    rows, before = drawn(3, 60, 2), torch.get_rng_state()
    for find in (k_means, lloyd.lloyd):
        once, again = (find(rows, 7, generator=Generator().manual_seed(4))[0] for _ in range(2))
        assert torch.equal(once, again)
    assert torch.equal(torch.get_rng_state(), before)


def test_copies_leave_clusters_empty_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    rows = torch.tensor([[0.0, 0], [0, 0], [1, 1], [1, 1]])
    for find in (k_means, lloyd.lloyd):
        assignment, centres = find(rows, 4, generator=Generator().manual_seed(0))
        assert {frozenset({0, 1}), frozenset({2, 3})} == partition(assignment)
        assert centres.shape == (4, 2)
    assert not recwarn


def test_as_many_clusters_as_rows_and_one_row() -> None:
    rows = drawn(0, 6, 2)
    for find in (k_means, lloyd.lloyd):
        assert len(find(rows, 6, generator=Generator().manual_seed(0))[0].unique()) == 6
        assert find(rows[:1], 1, generator=Generator().manual_seed(0))[0].tolist() == [0]


@pytest.mark.parametrize(
    ("rows", "k", "match"),
    [
        (torch.zeros(3, 2), 4, "from 1 to 3 clusters among 3 rows, but k is 4"),
        (torch.zeros(3, 2), 0, "but k is 0"),
        (torch.zeros(3), 2, r"features of shape \(N, D\), but these are torch.float32 of shape \(3,\)"),
        (torch.zeros(3, 2, dtype=torch.int64), 2, "but these are torch.int64"),
        (torch.tensor([[0.0], [math.nan]]), 1, "row 1 holds NaN"),
    ],
)
def test_what_cannot_be_clustered_is_refused_in_a_sentence(rows: Tensor, k: int, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        k_means(rows, k, generator=Generator())


@given(seed=seeds, spread=st.sampled_from([0.5, 2.0]), offset=st.sampled_from([0.0, 100.0]))
@settings(max_examples=20)
def test_within_a_radius_are_those_whose_distance_is_less(seed: int, spread: float, offset: float) -> None:
    """Grids have many pairs at the very radius, which are outside."""
    rows, others = (drawn(seed, 12, 2) * spread).round() + offset, (drawn(seed + 1, 7, 2) * spread).round() + offset
    for make in (Tensor.double, Tensor.float):
        ready = measured(make(rows), None)
        for squared in (1.0, 2.0, 5.0, math.inf):
            expected = ((rows[:, None] - others) ** 2).sum(2) < squared
            assert torch.equal(within(ready, slice(0, 12), ready.beside(make(others)), squared), expected)
            assert torch.equal(
                within(ready, torch.tensor([3, 1]), ready.beside(make(others)), squared), expected[[3, 1]]
            )


def test_the_purity_of_the_card() -> None:
    assert ball_purity.ball_purity(LINE, KINDS, 0.25) == 1
    assert ball_purity.ball_purity(LINE, KINDS, 0.35) == pytest.approx(0.714286, rel=1e-5)


@given(seed=seeds, purity=st.sampled_from([0.5, 0.9, 0.95, 1.0]))
@settings(max_examples=20)
def test_no_larger_radius_is_as_pure(seed: int, purity: float) -> None:
    rows, labels = drawn(seed, 25, 2), torch.randint(3, (25,), generator=Generator().manual_seed(seed))
    radius = ball_purity.pure_radius(rows, labels, purity, generator=Generator())
    distances = (rows[:, None] - rows).square().sum(2).sqrt()

    def share(size: float) -> float:
        impure = [any(distances[n, m] < size and labels[n] != labels[m] for m in range(25)) for n in range(25)]
        return 1 - sum(impure) / 25

    if len(labels.unique()) == 1:
        assert radius == math.inf
        return
    assert share(radius) >= purity - 1e-9
    assert share(radius * (1 + 1e-6)) < purity
    assert ball_purity.ball_purity(rows, labels, radius) == pytest.approx(share(radius))


def test_a_sample_of_balls_stands_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = blobs(each=100)
    labels = torch.arange(5).repeat_interleave(100)
    exact = ball_purity.pure_radius(rows, labels, 0.9, generator=Generator())
    monkeypatch.setattr(ball_purity, "BALLS", 200)
    assert ball_purity.pure_radius(rows, labels, 0.9, generator=Generator().manual_seed(0)) == pytest.approx(
        exact, rel=0.1
    )


def test_a_purity_is_a_share() -> None:
    for purity in (0.0, 1.1, math.nan):
        with pytest.raises(ValueError, match="purity is a share above 0 and up to 1"):
            ball_purity.pure_radius(LINE, KINDS, purity, generator=Generator())


def test_the_typicality_of_the_card() -> None:
    rows = torch.tensor([[0, 0], [1, 0], [0, 1], [1, 1], [5, 5]], dtype=torch.float64)
    assert typicality(rows, 2, squared=False).tolist() == pytest.approx([0.99999] * 4 + [0.165838], rel=1e-5)
    assert typicality(rows, 2).tolist() == pytest.approx([0.99999] * 4 + [0.0273973], rel=1e-5)
    assert typicality(rows, 0).tolist() == [0] * 5


@given(seed=seeds, k=st.integers(1, 9), squared=st.booleans(), offset=st.sampled_from([0.0, 1e3]))
@settings(max_examples=20)
def test_typicality_is_that_of_all_distances(seed: int, k: int, squared: bool, offset: float) -> None:
    rows = torch.cat([drawn(seed, 8, 3), drawn(seed, 2, 3)]) + offset  # two rows are copies
    distances = (rows[:, None] - rows).square().sum(2)
    distances = distances if squared else distances.sqrt()
    expected = []
    for n in range(10):
        nearest = sorted(float(distances[n, m]) for m in range(10) if m != n)[:k]
        expected.append(1 / (sum(nearest) / k + 1e-5))
    assert typicality(rows, k, squared=squared).tolist() == pytest.approx(expected, rel=1e-9)


def test_typicality_does_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = drawn(0, 40, 3)
    whole = typicality(rows, 5)
    monkeypatch.setattr("bayesal.numerics.typicality.PAIRS", 100)
    assert torch.allclose(typicality(rows, 5), whole, rtol=1e-12)


def test_nobody_has_more_neighbours_than_there_are_others() -> None:
    with pytest.raises(ValueError, match="each of 3 rows has at most 2 neighbours, but k is 3"):
        typicality(torch.zeros(3, 1), 3)
    assert typicality(torch.zeros(0, 1), 0).shape == (0,)
