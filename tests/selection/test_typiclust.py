"""TypiClust against its steps in plain Python, on clusters of any kind."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from bayesal.selection import TypiClust, typiclust
from bayesal.testing import check_rule
from tests.selection.oracles_distance import squared_distances


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def by_steps(
    rows: np.ndarray, assignment: Sequence[int], num_known: int, batch_size: int, squared: bool, least: int = 5
) -> list[int]:
    """Rows are known, then open; the clusters are given."""
    clusters = sorted(set(assignment))
    members = {c: [n for n, a in enumerate(assignment) if a == c] for c in clusters}
    known = {c: sum(n < num_known for n in members[c]) for c in clusters}
    opens = {c: [n for n in members[c] if n >= num_known] for c in clusters}
    order = sorted(clusters, key=lambda c: (known[c], -len(members[c]), (opens[c] or [0])[0]))
    kept = [c for c in order if len(members[c]) > least]
    kept = kept or [max(order, key=lambda c: len(members[c]))]
    if sum(len(opens[c]) for c in kept) < batch_size:
        kept = order
    chosen: list[int] = []
    turn = 0
    while len(chosen) < batch_size:
        left = opens[kept[turn % len(kept)]]
        turn += 1
        if not left:
            continue
        k = min(20, len(left) // 2)
        worth = {}
        for n in left:
            away = sorted(squared_distances(rows[[n]], rows[[m]])[0, 0] for m in left if m != n)[:k]
            mean = sum(d if squared else d**0.5 for d in away) / k if k else 0
            worth[n] = 1 / (mean + 1e-5) if k else 0
        best = max(left, key=lambda n: (worth[n], -n))
        left.remove(best)
        chosen.append(best - num_known)
    return chosen


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("num_known", [0, 3, 11])
@pytest.mark.parametrize("seed", range(4))
def test_picks_are_those_of_the_steps(
    seed: int, num_known: int, squared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = drawn(seed, 45 + num_known, 2)
    assignment = torch.randint(7, (len(everything),), generator=Generator().manual_seed(seed))
    monkeypatch.setattr(typiclust, "k_means", lambda rows, k, generator: (assignment, None))
    for batch_size in (7, 20, 45):
        rule = TypiClust(max_clusters=7, squared=squared)
        chosen = rule.select(everything[num_known:], batch_size, given=everything[:num_known], generator=Generator())
        expected = by_steps(everything.numpy(), assignment.tolist(), num_known, batch_size, squared)
        assert chosen.ids == expected


def blobs(sizes: Sequence[int]) -> Tensor:
    return torch.cat([drawn(k, size, 3) + 50 * drawn(100 + k, 1, 3) for k, size in enumerate(sizes)])


def test_clusters_without_labels_come_first_the_largest_before_others() -> None:
    rows = blobs([10, 30, 20, 25])
    parts = [rows[:10], rows[10:40], rows[40:60], rows[60:]]
    known = parts[1][:1]  # the largest cluster has a label, and so one cluster more than there are
    selection = TypiClust(max_clusters=4).select(
        torch.cat([parts[0], parts[1][1:], *parts[2:]]), 4, given=known, generator=Generator().manual_seed(0)
    )
    places = torch.bucketize(torch.tensor(selection.ids), torch.tensor([9, 38, 58]))
    assert places.tolist() == [3, 2, 0, 1]
    assert torch.equal(selection.gains, selection.scores)
    assert selection.notes == ()


def test_the_pick_is_the_middle_of_its_cluster() -> None:
    ring = torch.stack([torch.arange(8.0).mul(torch.pi / 4).cos(), torch.arange(8.0).mul(torch.pi / 4).sin()], 1)
    rows = torch.cat([ring, torch.zeros(1, 2), ring + 50, torch.full((1, 2), 50.0)])
    assert sorted(TypiClust().select(rows, 2, generator=Generator().manual_seed(0)).ids) == [8, 17]


def test_small_clusters_are_left_out_until_they_are_needed() -> None:
    rows = blobs([20, 3, 20])
    selection = TypiClust(max_clusters=3).select(rows, 10, generator=Generator().manual_seed(0))
    assert not {20, 21, 22} & set(selection.ids)
    assert selection.notes == ()
    everything = TypiClust(max_clusters=3).select(rows, 43, generator=Generator().manual_seed(0))
    assert sorted(everything.ids) == list(range(43))
    assert "clusters of more than 5 rows have only 40 of the 43 rows asked for" in everything.notes[0]


def test_no_cluster_is_large_enough() -> None:
    rows = blobs([4, 2, 1])
    one = TypiClust(max_clusters=3).select(rows, 3, generator=Generator().manual_seed(0))
    assert set(one.ids) <= {0, 1, 2, 3}
    assert one.notes == ()


def test_the_last_row_of_a_cluster_is_as_typical_as_nothing() -> None:
    selection = TypiClust().select(torch.tensor([[1.0], [2], [4]]), 3, generator=Generator().manual_seed(0))
    assert sorted(selection.ids) == [0, 1, 2]
    assert bool(selection.gains.isfinite().all())


def test_more_known_rows_than_clusters_and_copies_of_them() -> None:
    rows = drawn(0, 30, 2)
    selection = TypiClust(max_clusters=6).select(rows, 8, given=rows, generator=Generator().manual_seed(0))
    assert len(set(selection.ids)) == 8
    alike = TypiClust().select(torch.ones(9, 2), 4, given=torch.ones(3, 2), generator=Generator().manual_seed(0))
    assert alike.ids == [0, 1, 2, 3]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_laws_of_a_rule(dtype: torch.dtype) -> None:
    check_rule(TypiClust(), drawn(0, 40, 3).to(dtype))
    check_rule(TypiClust(max_clusters=3, min_size=0, neighbours=1, squared=False), drawn(1, 12, 2).to(dtype))


def test_nothing_to_choose_from() -> None:
    selection = TypiClust().select(torch.empty(0, 3), 0, generator=Generator())
    assert (selection.ids, selection.gains.shape) == ([], (0,))
    assert TypiClust().select(torch.ones(1, 3), 1, generator=Generator().manual_seed(0)).ids == [0]


def test_what_is_no_setting_and_no_feature_is_refused() -> None:
    for settings in ((0, 5, 20), (500, -1, 20), (500, 5, 0)):
        with pytest.raises(ValueError, match="at least 1 cluster of at least 0 rows and 1 neighbour"):
            TypiClust(*settings)
    with pytest.raises(ValueError, match=r"features of shape \(N, D\), but the rows are"):
        TypiClust().select(torch.zeros(3, 2, 2), 1, generator=Generator())
    with pytest.raises(ValueError, match="the given rows are"):
        TypiClust().select(torch.zeros(3, 2), 1, given=torch.zeros(1, 3), generator=Generator())
