"""Near duplicates against every cosine."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.selection import distinct
from bayesal.selection.distinct import distinct as same_function


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def first_of_its_kind(rows: list[list[float]], known: list[list[float]], similarity: float) -> list[bool]:
    def alike(one: list[float], other: list[float]) -> bool:
        lengths = math.hypot(*one), math.hypot(*other)
        if 0 in lengths:
            return lengths == (0, 0)
        cosine = math.fsum(a * b for a, b in zip(one, other, strict=True)) / lengths[0] / lengths[1]
        return cosine >= similarity - 5e-7

    seen = list(known)
    kept = []
    for row in rows:
        kept.append(not any(alike(row, other) for other in seen))
        if kept[-1]:
            seen.append(row)
    return kept


@given(seed=st.integers(0, 2**32 - 1), num_known=st.sampled_from([0, 3]), similarity=st.sampled_from([0.3, 0.7, 1.0]))
@settings(max_examples=15)
def test_what_is_kept_is_the_first_of_its_kind(seed: int, num_known: int, similarity: float) -> None:
    """Small grids have rows of zeros and rows in the same direction."""
    rows, known = (drawn(seed, 20, 2) * 1.5).round(), (drawn(seed + 1, num_known, 2) * 1.5).round()
    for make in (Tensor.double, Tensor.float):
        kept = distinct(make(rows), make(known), similarity)
        assert kept.tolist() == first_of_its_kind(rows.tolist(), known.tolist(), similarity)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, known = drawn(0, 60, 3), drawn(1, 7, 3)
    whole = distinct(rows, known, 0.8)
    monkeypatch.setitem(same_function.__globals__, "ROWS", 7)
    monkeypatch.setitem(same_function.__globals__, "PAIRS", 20)
    assert torch.equal(distinct(rows, known, 0.8), whole)
    assert 5 < int(whole.sum()) < 60


def test_copies_of_any_length_and_dtype_are_found_at_a_similarity_of_one() -> None:
    for dtype in (torch.float32, torch.float64):
        row = drawn(0, 1, 300).to(dtype)
        assert distinct(torch.cat([row, 3 * row, row * 1e-3, -row]), row[:0], 1).tolist() == [True, False, False, True]
        assert not distinct(row, row, 1).any()


def test_nothing_is_as_it_was() -> None:
    assert distinct(torch.empty(0, 2), torch.ones(1, 2)).shape == (0,)


def test_what_is_no_similarity_and_no_row_is_refused() -> None:
    for similarity in (-0.5, 0.0, 1.01, math.nan):
        with pytest.raises(ValueError, match="a cosine above 0 and up to 1"):
            distinct(torch.ones(2, 2), torch.ones(0, 2), similarity)
    with pytest.raises(ValueError, match="holds NaN"):
        distinct(torch.full((2, 2), torch.nan), torch.ones(0, 2))
