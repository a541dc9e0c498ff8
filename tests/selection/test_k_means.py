"""One row of every cluster."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.numerics.clusters import k_means as clusters_of
from bayesal.selection import KMeans
from bayesal.testing import check_rule
from tests.selection.oracles_distance import farthest_first


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


@given(seed=st.integers(0, 2**32 - 1), batch_size=st.integers(1, 25))
@settings(max_examples=20)
def test_every_cluster_gives_its_member_nearest_to_the_centre(seed: int, batch_size: int) -> None:
    rows = drawn(seed, 25, 2)
    selection = KMeans().select(rows, batch_size, generator=Generator().manual_seed(seed))
    assignment, _ = clusters_of(rows, batch_size, generator=Generator().manual_seed(seed))
    assert sorted(assignment[selection.positions].tolist()) == list(range(batch_size))
    for position, size in zip(selection.positions.tolist(), selection.gains.tolist(), strict=True):
        members = (assignment == assignment[position]).nonzero().squeeze(1)
        away = (rows[members] - rows[members].mean(0)).square().sum(1)
        assert size == len(members)
        assert float((rows[position] - rows[members].mean(0)).square().sum()) <= float(away.min()) * (1 + 1e-3) + 1e-12
    assert selection.gains.tolist() == sorted(selection.gains.tolist(), reverse=True)


def test_two_rows_are_as_far_from_their_mean_and_the_first_is_taken() -> None:
    for seed in range(20):
        rows = torch.cat([drawn(seed, 2, 5), 100 + drawn(seed + 50, 3, 5)])
        assert KMeans().select(rows, 2, generator=Generator().manual_seed(0)).ids[1] == 0


def test_copies_fill_few_clusters_and_the_farthest_rows_fill_the_batch() -> None:
    rows = torch.tensor([[0.0], [0], [0], [4], [4], [10]])
    selection = KMeans().select(rows, 5, generator=Generator().manual_seed(0))
    assert selection.ids[:3] == [0, 3, 5]
    assert selection.gains.tolist() == [3, 2, 1, 0, 0]
    left = rows[[1, 2, 4]].double().numpy()
    expected = [[1, 2, 4][place] for place in farthest_first(left, rows[[0, 3, 5]].double().numpy(), 2)]
    assert selection.ids[3:] == expected
    assert "filled only 3 of 5 clusters" in selection.notes[0]
    assert sorted(KMeans()(np_ones(), 4, generator=Generator().manual_seed(0)).tolist()) == [0, 1, 2, 3]


def np_ones() -> Tensor:
    return torch.from_numpy(np.ones((4, 2)))


def test_what_is_labelled_does_not_matter() -> None:
    rows = drawn(0, 20, 2)
    one, other = (
        KMeans().select(rows, 4, given=some, generator=Generator().manual_seed(0)) for some in (None, rows[:3])
    )
    assert one.ids == other.ids


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_laws_of_a_rule(dtype: torch.dtype) -> None:
    check_rule(KMeans(), drawn(0, 30, 3).to(dtype))
    check_rule(KMeans(restarts=1), torch.zeros(20, 2, dtype=dtype))


def test_nothing_and_no_features() -> None:
    assert KMeans().select(torch.empty(0, 3), 0, generator=Generator()).ids == []
    with pytest.raises(ValueError, match="features of shape"):
        KMeans().select(torch.zeros(3), 1, generator=Generator())
