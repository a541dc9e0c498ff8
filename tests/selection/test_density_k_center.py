"""Farthest first by groups of density against the same in plain loops, and its laws."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.numerics.natural_breaks import natural_breaks
from bayesal.selection import DensityKCenter, KCenter, grow
from bayesal.selection.group_shares import group_shares
from bayesal.testing import check_rule
from bayesal.types import Selection
from tests.selection.oracles_distance import nearest, squared_distances

seeds = st.integers(0, 2**32 - 1)


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def uneven(seed: int, n: int = 60, width: int = 3) -> Tensor:
    """A tight cluster, a wide one, and a few rows far away."""
    spread = torch.tensor([0.2, 1, 4])[torch.arange(n) % 7 // 3]
    return drawn(seed, n, width) * spread[:, None]


def chosen(
    rule: DensityKCenter, rows: Tensor, batch_size: int, known: Tensor | None = None, seed: int = 0
) -> Selection:
    return grow(rule, rows, batch_size, given=known, generator=Generator().manual_seed(seed))


def by_definition(
    rows: np.ndarray, known: np.ndarray, batch_size: int, groups: int, temperature: float, k: int
) -> tuple[list[int], list[float]]:
    everything = squared_distances(rows, rows)
    np.fill_diagonal(everything, np.inf)
    sparsity = np.sort(everything, 1)[:, : min(k, len(rows) - 1)].mean(1)
    group = natural_breaks(torch.from_numpy(-sparsity), groups).numpy()
    shares = group_shares([int((group == h).sum()) for h in range(group.max() + 1)], batch_size, temperature)
    picks: list[int] = []
    gains: list[float] = []
    for h, share in enumerate(shares):
        for step in range(share):
            taken = np.concatenate([known, rows[picks]])
            far = nearest(rows, taken)[0] if len(taken) else sparsity
            worth = sparsity if step == 0 and not len(known) else far
            inside = [n for n in range(len(rows)) if group[n] == h and n not in picks]
            picks.append(max(inside, key=lambda n: (worth[n], -n)))
            gains.append(far[picks[-1]])
    return picks, gains


@given(seed=seeds, num_known=st.sampled_from([0, 1, 5]), groups=st.integers(1, 5))
@settings(max_examples=15)
def test_picks_are_those_of_the_definition(seed: int, num_known: int, groups: int):
    rows, known = uneven(seed, 30), drawn(seed + 1, num_known, 3)
    rule = DensityKCenter("exact", groups, 0.4, neighbours=4)
    selection = chosen(rule, rows, 14, known)
    picks, gains = by_definition(rows.numpy(), known.numpy(), 14, groups, 0.4, 4)
    assert selection.ids == picks
    np.testing.assert_allclose(selection.gains.numpy(), gains, rtol=1e-9)


@given(seed=seeds)
@settings(max_examples=5)
def test_one_group_is_farthest_first(seed: int):
    rows, known = uneven(seed).float(), drawn(seed + 1, 4, 3).float()
    expected = grow(KCenter(), rows, 20, given=known, generator=Generator())
    for density in ("exact", "lsh"):
        found = chosen(DensityKCenter(density, groups=1, chunk=8), rows, 20, known)
        assert found.ids == expected.ids
        assert torch.equal(found.gains, expected.gains)
        assert torch.equal(found.scores, expected.scores)


def test_the_limits_of_the_temperature():
    rows, known = drawn(0, 200, 3), torch.zeros(1, 3, dtype=torch.float64)
    state = DensityKCenter("exact", 3).init(rows, generator=Generator())
    smallest = int(np.argmin(state.sizes))
    assert state.sizes[smallest] >= 4
    alone = chosen(DensityKCenter("exact", 3, temperature=1e-6), rows, 4, known)
    assert (state.group[alone.positions] == smallest).all()
    equal = chosen(DensityKCenter("exact", 3, temperature=math.inf), rows, 12, known)
    assert torch.bincount(state.group[equal.positions]).tolist() == [4, 4, 4]


def test_the_sparsest_group_comes_first_and_starts_with_its_sparsest_row():
    rows = uneven(1, 200)
    rule = DensityKCenter("exact")
    state = rule.of_size(20).init(rows, generator=Generator())
    groups = state.group[chosen(rule, rows, 20).positions]
    assert (groups.diff() >= 0).all()
    assert torch.bincount(groups, minlength=4).tolist() == list(state.shares)
    means = [float(state.sparsity[state.group == h].mean()) for h in range(4)]
    assert means == sorted(means, reverse=True)
    for h in set(groups.tolist()):
        first = int(chosen(rule, rows, 20).positions[(groups == h).nonzero()[0]])
        assert state.sparsity[first] == state.sparsity[state.group == h].max()


def test_sparse_regions_get_more_than_by_chance_or_by_farthest_first_among_the_dense():
    shares = []
    for seed in range(4):
        dense, sparse = 0.3 * drawn(seed, 400, 4) + 3, 1.2 * drawn(seed + 50, 100, 4) - 3
        rows = torch.cat([dense, sparse]).float()
        known = rows[:5]
        dacs = chosen(DensityKCenter(chunk=64), rows, 30, known, seed).positions >= 400
        sparsity = DensityKCenter("exact").init(rows, generator=Generator()).sparsity
        densest = sparsity.argsort()[:450]
        plain = densest[grow(KCenter(), rows[densest], 30, given=known, generator=Generator()).positions] >= 400
        random = torch.randperm(500, generator=Generator().manual_seed(seed))[:30] >= 400
        shares.append([float(each.double().mean()) for each in (dacs, random, plain)])
    dacs, random, plain = torch.tensor(shares, dtype=torch.float64).mean(0).tolist()
    assert dacs > random + 0.3
    assert dacs > plain


def test_what_is_other_than_asked_for_is_noted():
    few = torch.tensor([[0.0], [1], [5]])
    notes = " ".join(chosen(DensityKCenter(), few, 2).notes)
    assert "densities of 3 rows are over 2 neighbours, not 20" in notes
    assert "make 3 groups, not 4" in notes
    rows = torch.cat([drawn(0, 60, 2), torch.tensor([[50.0, 0], [0, 70]])])
    assert "is taken whole: it has 1 rows" in " ".join(chosen(DensityKCenter("exact", neighbours=3), rows, 30).notes)
    copies = chosen(DensityKCenter("exact", neighbours=1), torch.zeros(5, 2), 3)
    assert copies.ids == [0, 1, 2]
    assert "every row left is a copy" in " ".join(copies.notes)
    assert chosen(DensityKCenter("exact", 1, neighbours=3), uneven(0), 6, drawn(1, 3, 3)).notes == ()


def test_copies_are_chosen_last():
    rows = drawn(3, 12, 3)
    doubled = torch.cat([rows, rows[:4], rows[:4]])
    selection = chosen(DensityKCenter("exact", groups=1, neighbours=3), doubled, 20)
    assert set(selection.ids[:12]) <= set(range(12))
    assert selection.gains[12:].tolist() == [0] * 8


def test_small_pools_and_refusals():
    assert chosen(DensityKCenter(), drawn(0, 1, 3), 1).ids == [0]
    assert chosen(DensityKCenter(), torch.zeros(0, 3), 0).ids == []
    assert sorted(chosen(DensityKCenter(), drawn(0, 9, 3), 9).ids) == list(range(9))
    with pytest.raises(ValueError, match="there are only 5 rows"):
        chosen(DensityKCenter(), drawn(0, 5, 3), 6)
    with pytest.raises(ValueError, match="must be finite"):
        chosen(DensityKCenter(), torch.full((5, 2), torch.nan), 2)
    with pytest.raises(ValueError, match="rows are features of shape"):
        chosen(DensityKCenter(), torch.zeros(5, 2, 2), 2)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"density": "knn"}, "density is one of lsh, exact, but it is 'knn'"),
        ({"groups": 0}, "at least 1 group"),
        ({"temperature": 0}, "number above 0"),
        ({"neighbours": 0}, "at least 1 neighbour"),
        ({"buckets": 3}, "even number"),
    ],
)
def test_settings_out_of_range_get_a_sentence(setting: dict[str, object], words: str):
    with pytest.raises(ValueError, match=words):
        DensityKCenter(**setting)


@pytest.mark.parametrize("rule", [DensityKCenter("exact", 1), DensityKCenter(neighbours=3, chunk=4)])
def test_the_laws_of_greedy_rules(rule: DensityKCenter):
    assert all(finding.passed for finding in check_rule(rule, uneven(2).float()))
