"""ProbCover against sets of neighbours, counted anew at every pick."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.numerics.inner import Inner
from bayesal.selection import ProbCover, grow, probcover
from bayesal.testing import check_rule
from tests.selection.oracles_distance import squared_distances

seeds = st.integers(0, 2**32 - 1)
LINE = torch.tensor([0, 0.5, 0.9, 1.2, 3, 3.3, 6], dtype=torch.float64)[:, None]


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def covered_by(rows: np.ndarray, given: np.ndarray, batch_size: int, radius: float) -> tuple[list[int], list[int]]:
    """Picks and how many rows each covered first; the farthest where nothing is left, or the longest."""
    inside, known = squared_distances(rows, rows) < radius**2, squared_distances(rows, given) < radius**2
    near = [set(np.flatnonzero(row).tolist()) for row in inside]
    covered = set(np.flatnonzero(known.any(1)).tolist())
    chosen: list[int] = []
    gains: list[int] = []
    while len(chosen) < batch_size:
        left = [n for n in range(len(rows)) if n not in chosen]
        gain = {n: len(near[n] - covered) for n in left}
        best = max(left, key=lambda n: (gain[n], -n))
        if gain[best] == 0:
            taken = np.concatenate([given, rows[chosen]])
            far = squared_distances(rows, taken).min(1)
            best = max(left, key=lambda n: (far[n], -n))
        chosen.append(best)
        gains.append(gain[best])
        covered |= near[best]
    return chosen, gains


def test_the_worked_numbers() -> None:
    selection = grow(ProbCover(0.6), LINE, 3, generator=Generator())
    assert selection.ids == [1, 4, 2]
    assert selection.gains.tolist() == [3, 2, 1]  # 6 of 7 rows are covered
    after = grow(ProbCover(0.6), LINE[1:], 3, given=LINE[:1], generator=Generator())
    assert [position + 1 for position in after.positions.tolist()] == [2, 4, 6]
    assert after.gains.tolist() == [2, 2, 1]


@given(seed=seeds, radius=st.sampled_from([1.0, 1.5, 2**0.5]), num_given=st.sampled_from([0, 1, 4]))
@settings(max_examples=10)
def test_picks_are_those_of_neighbours_counted_anew(seed: int, radius: float, num_given: int) -> None:
    """Grids have many ties, copies, and rows at the very radius."""
    rows, known = (drawn(seed, 14, 2) * 2).round(), (drawn(seed + 1, num_given, 2) * 2).round()
    for make in (Tensor.double, Tensor.float):
        selection = grow(ProbCover(radius), make(rows), 14, given=make(known), generator=Generator())
        picks, gains = covered_by(rows.numpy(), known.numpy(), 14, radius)
        assert selection.ids == picks
        assert selection.gains.tolist() == gains


def test_blocks_lose_no_row_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, known = drawn(0, 53, 3), drawn(1, 5, 3)
    whole = grow(ProbCover(0.8), rows, 20, given=known, generator=Generator())
    monkeypatch.setattr(probcover, "PAIRS", 60)
    parts = grow(ProbCover(0.8), rows, 20, given=known, generator=Generator())
    assert parts.ids == whole.ids == covered_by(rows.numpy(), known.numpy(), 20, 0.8)[0]
    last = torch.cat([3 * torch.arange(52.0)[:, None], 500 + torch.zeros(3, 1)])  # the last three cover most
    assert grow(ProbCover(1), last, 1, generator=Generator()).ids == [52]


def test_the_batch_covers_at_least_its_share_of_the_best() -> None:
    """1 - 1/e of what the best two balls of all pairs cover."""
    for seed in range(5):
        rows = drawn(seed, 12, 2)
        near = (rows[:, None] - rows).square().sum(2) < 0.8**2
        best = max(int((near[a] | near[b]).sum()) for a in range(12) for b in range(a))
        gained = grow(ProbCover(0.8), rows, 2, generator=Generator()).gains.sum()
        assert float(gained) >= (1 - 1 / math.e) * best


def test_where_all_is_covered_the_farthest_come_next_and_it_is_noted() -> None:
    rows = torch.tensor([[0.0], [0.1], [0.2], [0.35], [5]])
    selection = grow(ProbCover(1), rows, 4, generator=Generator())
    assert selection.ids == [0, 4, 3, 2]  # then by the distance to 0 or 5, and to those picked since
    assert selection.gains.tolist() == [4, 1, 0, 0]
    assert "every row is covered before the batch is full" in selection.notes[0]
    assert grow(ProbCover(1), rows, 2, generator=Generator()).notes == ()


def test_copies_are_covered_together() -> None:
    selection = grow(ProbCover(0.5), torch.ones(6, 2), 6, generator=Generator())
    assert selection.ids == [0, 1, 2, 3, 4, 5]
    assert selection.gains.tolist() == [6, 0, 0, 0, 0, 0]


def test_a_radius_is_chosen_by_pure_balls_and_said() -> None:
    blobs = (20 * drawn(0, 4, 1, 3) + drawn(1, 4, 25, 3)).flatten(0, 1)
    selection = grow(ProbCover(num_clusters=4), blobs, 4, generator=Generator().manual_seed(0))
    assert sorted(position // 25 for position in selection.positions.tolist()) == [0, 1, 2, 3]
    assert "95% of them hold one of 4 clusters only" in selection.notes[0]
    strict, loose = (ProbCover(purity=purity, num_clusters=4) for purity in (1.0, 0.3))
    radii = [rule.init(blobs, generator=Generator().manual_seed(0)).radius for rule in (strict, loose)]
    assert radii[0] < radii[1]


def test_all_rows_alike_are_one_ball_whatever_the_radius() -> None:
    selection = grow(ProbCover(), torch.zeros(5, 2), 3, generator=Generator().manual_seed(0))
    assert selection.ids == [0, 1, 2]


def test_a_kernel_measures_distances_too() -> None:
    rows = drawn(3, 20, 3)
    plain = grow(ProbCover(1.2), rows, 8, generator=Generator())
    assert grow(ProbCover(1.2, kernel=Inner()), rows, 8, generator=Generator()).ids == plain.ids


def test_settings_that_are_none_are_refused() -> None:
    for radius in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="radius of a ball must be above 0"):
            ProbCover(radius)
    with pytest.raises(ValueError, match="at least 2 clusters apart, but num_clusters is 1"):
        ProbCover(num_clusters=1)
    with pytest.raises(ValueError, match="with a kernel give the radius"):
        ProbCover(kernel=Inner())
    with pytest.raises(ValueError, match="features of shape"):
        grow(ProbCover(1), torch.zeros(4, 2, 2), 2, generator=Generator())


@pytest.mark.parametrize("rule", [ProbCover(0.7), ProbCover(), ProbCover(50)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_laws_of_a_rule(rule: ProbCover, dtype: torch.dtype) -> None:
    check_rule(rule, drawn(0, 30, 3).to(dtype))


def test_nothing_to_choose_from() -> None:
    assert grow(ProbCover(), torch.empty(0, 3), 0, generator=Generator()).ids == []
    assert grow(ProbCover(), torch.ones(1, 3), 1, generator=Generator().manual_seed(0)).ids == [0]
