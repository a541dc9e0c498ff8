"""Batches from the front of all batches: worked numbers, enumeration, and the laws of a rule."""

from itertools import combinations, pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.selection import top
from bayesal.selection.pareto import Pareto, Standing
from bayesal.selection.subset_archive import SubsetArchive, random_subsets, sums_of, supported_subsets
from bayesal.testing import check_rule

E = [1, 0.95, 0.9, 0.6, 0.55, 0.2]
C = [0.1, 0.15, 0.6, 0.7, 0.75, 0.95]
WORKED = torch.tensor([E, C], dtype=torch.float64).T
FRONT = ["01", "02", "03", "04", "12", "23", "24", "25", "34", "35", "45"]


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def scores(n: int, number: int = 0) -> Tensor:
    return torch.rand(n, 2, dtype=torch.float64, generator=seed(number))


def exact_front(values: Tensor, size: int) -> set[tuple[int, ...]]:
    """By all pairs of all subsets; of equal sums the first."""
    rows = values.tolist()
    sums = {s: tuple(sum(rows[i][k] for i in s) for k in range(2)) for s in combinations(range(len(rows)), size)}
    best = set()
    for s, own in sums.items():
        if not any(o[0] >= own[0] and o[1] >= own[1] and o != own for o in sums.values()):
            best.add(s)
    return best


def members(archive: SubsetArchive) -> set[tuple[int, ...]]:
    return {tuple(subset) for subset in archive.subsets.tolist()}


def test_worked_front_counts_and_consensus():
    every = torch.tensor(list(combinations(range(6), 2)))
    archive = SubsetArchive.empty(2, WORKED).and_subsets(every, WORKED)
    assert sorted("".join(map(str, subset)) for subset in archive.subsets.tolist()) == FRONT
    counts = archive.subsets.flatten().bincount()
    assert counts.tolist() == [4, 2, 5, 4, 4, 3]
    in_order = torch.tensor([[int(i) for i in subset] for subset in FRONT])
    assert counts[in_order].sum(1).tolist() == [6, 9, 8, 8, 7, 9, 9, 8, 8, 7, 7]
    assert archive.consensus().tolist() == [0, 2]
    sums = dict(zip(["".join(map(str, s)) for s in archive.subsets.tolist()], archive.sums.tolist(), strict=True))
    for subset, expected in {"01": (1.95, 0.25), "23": (1.5, 1.3), "45": (0.75, 1.7)}.items():
        assert sums[subset] == pytest.approx(expected)


def test_the_rule_finds_the_worked_batch():
    for rule in (Pareto(draws=2000), Pareto(draws=2000, seeded=True)):
        assert rule(WORKED, 2, generator=seed()).tolist() == [0, 2]


@pytest.mark.parametrize("seeded", [False, True])
@pytest.mark.parametrize(("n", "size"), [(6, 3), (9, 4), (12, 2)])
def test_the_archive_of_few_points_becomes_the_exact_front(n: int, size: int, seeded: bool):
    values = scores(n, n * size)
    found = SubsetArchive.empty(size, values)
    if seeded:
        found = found.and_subsets(supported_subsets(values, size), values)
    for number in range(20):
        found = found.and_subsets(random_subsets(200, size, n, generator=seed(number)), values)
    assert members(found) == exact_front(values, size)


@pytest.mark.parametrize(("n", "size"), [(5, 2), (8, 3), (9, 5), (10, 1)])
def test_supported_subsets_are_the_best_by_weights(n: int, size: int):
    values = scores(n, n + size)
    found = {tuple(subset) for subset in supported_subsets(values, size).tolist()}
    every = torch.tensor(list(combinations(range(n), size)))
    sums = sums_of(every, values)
    by_weights = {tuple(every[(sums @ torch.tensor([w, 1 - w]).double()).argmax()].tolist())
                  for w in torch.linspace(1e-6, 1 - 1e-6, 4001).tolist()}  # fmt: skip
    assert by_weights <= found
    assert found <= exact_front(values, size)


def test_an_archive_never_holds_a_dominated_pair_nor_equal_sums():
    values = scores(40).mul(6).round()
    archive = Pareto(draws=400).search(values, 5, generator=seed())
    sums = archive.sums.tolist()
    assert all(one[0] > other[0] and one[1] < other[1] for one, other in pairwise(sums))


def test_random_subsets_are_uniform_both_ways():
    for n, size in ((4, 2), (5, 3), (16, 2)):
        drawn = random_subsets(12_000, size, n, generator=seed())
        assert bool((drawn.diff(dim=1) > 0).all())
        counts = drawn.unique(dim=0, return_counts=True)[1]
        expected = 12_000 / len(list(combinations(range(n), size)))
        assert len(counts) == len(list(combinations(range(n), size)))
        assert float((counts - expected).abs().max()) < 5 * expected**0.5


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(0.01, 100), st.floats(-50, 50))
def test_a_scale_and_a_shift_of_a_score_change_nothing(number: int, scale: float, other: float, shift: float):
    values = scores(30, number)
    moved = values * torch.tensor([scale, other]).double() + shift
    for size in (2, 5):
        kept = Pareto().kept(values, size)
        assert Pareto().kept(moved, size).tolist() == kept.tolist()
        one, two = (set(map(tuple, supported_subsets(v[kept], size).tolist())) for v in (values, moved))
        assert one == two


def test_layers_are_kept_until_there_are_enough():
    layered = torch.tensor([[0.9, 0.8, 0.7, 0.6, 0.5, 0.85, 0.4, 0.3], [0.1, 0.3, 0.5, 0.4, 0.2, 0.05, 0.9, 0.6]]).T
    assert Pareto(candidates=4).kept(layered.double(), 1).tolist() == [0, 1, 2, 6]
    assert Pareto(candidates=2.5).kept(layered.double(), 2).tolist() == [0, 1, 2, 3, 5, 6, 7]
    assert len(Pareto(candidates=100).kept(layered.double(), 2)) == 8


@pytest.mark.parametrize("constant", [0.0, -3.5, 7.0])
def test_with_constant_confidence_it_is_the_most_informative(constant: float):
    for number in range(5):
        values = torch.stack([scores(60, number)[:, 0], torch.full((60,), constant).double()], 1)
        values[:20, 0] = values[20:40, 0]
        found = Pareto(seeded=True)(values, 9, generator=seed(number))
        assert found.tolist() == top(values[:, 0], 9).tolist()
        assert torch.equal(Pareto().scores(values), values[:, 0])


@pytest.mark.parametrize("rule", [Pareto(), Pareto(seeded=True), Pareto(candidates=1, draws=10)])
def test_the_laws_of_a_rule(rule: Pareto):
    check_rule(rule, scores(30), batch_size=5)
    check_rule(rule, scores(30).float(), batch_size=4)
    check_rule(rule, torch.ones(12, 2), batch_size=3)
    assert rule(torch.empty(0, 2), 0, generator=seed()).tolist() == []
    assert rule(scores(1), 1, generator=seed()).tolist() == [0]


def test_a_search_that_stands_still_ends_early():
    values = scores(60)
    drawn: list[int] = []

    class Watched(Standing):
        def still(self, sums: Tensor) -> bool:
            drawn.append(len(sums))
            return super().still(sums)

    standing = Watched(values, 5)
    sums = SubsetArchive.empty(5, values).and_subsets(supported_subsets(values, 5), values).sums
    assert [standing.still(sums) for _ in range(20)] == [False] * 19 + [True]
    moving = Watched(values, 5)
    assert not any(moving.still(scores(9, number) * (1 + 3 * (number % 5 == 0))) for number in range(40))


def test_bad_rows_and_settings_get_a_sentence():
    with pytest.raises(ValueError, match=r"two scores a row, but the rows have the shape \(5,\)"):
        Pareto()(torch.ones(5), 2, generator=seed())
    for broken in (torch.nan, torch.inf):
        with pytest.raises(ValueError, match="those of row 3 are not"):
            Pareto()(torch.ones(5, 2).index_fill(0, torch.tensor([3]), broken), 2, generator=seed())
    with pytest.raises(ValueError, match="candidates must be at least 1"):
        Pareto(candidates=0.5)
    with pytest.raises(ValueError, match="at least one batch"):
        Pareto(draws=0)
    assert repr(Pareto()).startswith("Pareto(candidates=6")
