"""Round-robin over clusters, the smallest first, against clusters merged one pair at a time."""

import pytest
import torch
from torch import Generator, Tensor

from bayesal.selection import ClusterMargin
from bayesal.testing import check_rule


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def merged(rows: Tensor, num_clusters: int) -> list[list[int]]:
    """Average linkage by its definition: the two clusters with the least mean distance become one."""
    distances = (rows[:, None] - rows).square().sum(2).sqrt()
    clusters = [[n] for n in range(len(rows))]
    while len(clusters) > num_clusters:
        pairs = [(a, b) for b in range(len(clusters)) for a in range(b)]
        a, b = min(pairs, key=lambda pair: float(distances[clusters[pair[0]]][:, clusters[pair[1]]].mean()))
        clusters[a] += clusters.pop(b)
    return clusters


@pytest.mark.parametrize("seed", range(5))
def test_each_round_takes_one_of_every_cluster_that_is_left_the_smallest_first(seed: int) -> None:
    rows = drawn(seed, 18, 2)
    clusters = merged(rows, 4)
    of = {n: place for place, members in enumerate(clusters) for n in members}
    selection = ClusterMargin(num_clusters=4).select(rows, 18, generator=Generator().manual_seed(seed))
    seen = [of[position] for position in selection.positions.tolist()]
    order = sorted(range(4), key=lambda c: (len(clusters[c]), min(clusters[c])))
    expected = [c for turn in range(18) for c in order if turn < len(clusters[c])]
    assert seen == expected
    assert selection.gains.tolist() == pytest.approx([1 / len(clusters[c]) for c in expected])


def test_as_many_clusters_as_the_batch_or_as_the_threshold_makes() -> None:
    blobs = (30 * drawn(0, 3, 1, 2) + drawn(1, 3, 6, 2)).flatten(0, 1)
    by_number = ClusterMargin().select(blobs, 3, generator=Generator().manual_seed(0))
    assert sorted(position // 6 for position in by_number.positions.tolist()) == [0, 1, 2]
    by_distance = ClusterMargin(threshold=8).select(blobs, 6, generator=Generator().manual_seed(0))
    assert sorted(position // 6 for position in by_distance.positions.tolist()) == [0, 0, 1, 1, 2, 2]
    apart = ClusterMargin(threshold=0).select(blobs, 5, generator=Generator().manual_seed(0))
    assert apart.ids == [0, 1, 2, 3, 4]  # every row is a cluster, in their order


def test_a_cluster_is_drawn_from_evenly() -> None:
    rows = torch.cat([torch.zeros(4, 1) + 0.01 * torch.arange(4)[:, None], torch.full((9, 1), 50.0)])
    firsts = [ClusterMargin(num_clusters=2)(rows, 1, generator=Generator().manual_seed(s)).item() for s in range(400)]
    counts = torch.tensor(firsts).bincount(minlength=4)
    assert counts.tolist() == pytest.approx([100] * 4, abs=35)  # 4 standard deviations


def test_beyond_a_number_of_rows_only_so_many_are_clustered_and_it_is_noted() -> None:
    blobs = (30 * drawn(0, 3, 1, 2) + drawn(1, 3, 40, 2)).flatten(0, 1)
    selection = ClusterMargin(most=30).select(blobs, 3, generator=Generator().manual_seed(0))
    assert sorted(position // 40 for position in selection.positions.tolist()) == [0, 1, 2]
    assert "of 120 rows to cluster 30 were drawn" in selection.notes[0]
    everything = ClusterMargin(most=30).select(blobs, 120, generator=Generator().manual_seed(0))
    assert sorted(everything.ids) == list(range(120))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_laws_of_a_rule(dtype: torch.dtype) -> None:
    check_rule(ClusterMargin(), drawn(0, 30, 3).to(dtype))
    check_rule(ClusterMargin(), torch.zeros(12, 2, dtype=dtype))
    check_rule(ClusterMargin(most=8), drawn(0, 30, 3).to(dtype))


def test_nothing_one_row_and_settings_that_are_none() -> None:
    assert ClusterMargin().select(torch.empty(0, 2), 0, generator=Generator()).ids == []
    assert ClusterMargin().select(torch.ones(1, 2), 1, generator=Generator()).ids == [0]
    with pytest.raises(ValueError, match="not both"):
        ClusterMargin(num_clusters=3, threshold=1)
    for num_clusters, threshold, most in ((0, None, 9), (None, -1.0, 9), (None, None, 1)):
        with pytest.raises(ValueError, match="at least 1 cluster, a threshold of at least 0"):
            ClusterMargin(num_clusters, threshold, most)
