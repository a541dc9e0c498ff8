"""Equal quotas: against dealing places one by one, and what is left over."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.selection import ClassBalanced, top
from bayesal.testing import check_rule

REMAINDERS = ("candidates", "scores")


def rows_of(scores: list[float], classes: list[int]) -> Tensor:
    return torch.tensor([scores, classes], dtype=torch.float64).T.reshape(-1, 2)


def dealt(scores: list[float], classes: list[int], size: int, remainder: str) -> list[int]:
    """Round after round, each class with rows left gets a place; a round that does not suffice for all goes to some."""
    members = {
        c: sorted((i for i in range(len(classes)) if classes[i] == c), key=lambda i: -scores[i]) for c in classes
    }
    given = dict.fromkeys(sorted(members), 0)
    while sum(given.values()) < size:
        left = size - sum(given.values())
        open_ = [c for c in given if given[c] < len(members[c])]
        if left < len(open_):
            urgency = {c: len(members[c]) if remainder == "candidates" else scores[members[c][given[c]]] for c in open_}
            open_ = sorted(open_, key=lambda c: (-urgency[c], c))[:left]
        for c in open_:
            given[c] += 1
    chosen = [(rank, -scores[i], i) for c in given for rank, i in enumerate(members[c][: given[c]])]
    return [i for _, _, i in sorted(chosen)]


@given(st.data(), st.sampled_from(REMAINDERS))
def test_quotas_are_places_dealt_one_by_one(data: st.DataObject, remainder: str) -> None:
    n = data.draw(st.integers(0, 25))
    scores = data.draw(st.lists(st.integers(0, 6).map(float), min_size=n, max_size=n))
    classes = data.draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))
    size = data.draw(st.integers(0, n))
    chosen = ClassBalanced(remainder)(rows_of(scores, classes), size)
    assert chosen.tolist() == dealt(scores, classes, size, remainder)


@pytest.mark.parametrize("remainder", REMAINDERS)
def test_the_laws_of_a_rule(remainder: str) -> None:
    generator = Generator().manual_seed(0)
    classes = torch.randint(3, (20,), generator=generator)
    rows = torch.stack([torch.rand(20, generator=generator), classes], 1)
    check_rule(ClassBalanced(remainder), rows)


def test_the_best_of_every_class_come_first() -> None:
    rows = rows_of([0.9, 0.8, 0.7, 0.1, 0.2, 0.5], [0, 0, 0, 1, 1, 4])
    assert ClassBalanced()(rows, 6).tolist() == [0, 5, 4, 1, 3, 2]
    assert ClassBalanced()(rows, 3).tolist() == [0, 5, 4]


def test_places_left_over_go_to_the_largest_class_or_to_the_highest_score() -> None:
    rows = rows_of([0.1, 0.2, 0.3, 0.8, 0.9], [0, 0, 0, 1, 1])
    assert sorted(ClassBalanced("candidates")(rows, 3).tolist()) == [1, 2, 4]
    assert sorted(ClassBalanced("scores")(rows, 3).tolist()) == [2, 3, 4]
    assert ClassBalanced()(rows_of([0.1, 0.9], [3, 7]), 1).tolist() == [0]  # as many of both: the lower class


def test_what_a_small_class_cannot_fill_is_shared_out() -> None:
    rows = rows_of([0.0] * 21, [0] * 10 + [1] + [2] * 10)
    assert torch.bincount(rows[ClassBalanced()(rows, 9), 1].long()).tolist() == [4, 1, 4]
    assert torch.bincount(rows[ClassBalanced()(rows, 14), 1].long()).tolist() == [7, 1, 6]


def test_one_class_is_the_top_of_its_scores(generator: Generator) -> None:
    scores = torch.randint(5, (30,), generator=generator).double()
    assert torch.equal(ClassBalanced()(torch.stack([scores, torch.ones(30)], 1), 7), top(scores, 7))


def test_infinite_scores_are_ordered() -> None:
    rows = rows_of([-math.inf, math.inf, 0.0, math.inf], [0, 0, 0, 1])
    assert ClassBalanced("scores")(rows, 4).tolist() == [1, 3, 2, 0]


def test_floats_of_all_kinds_and_the_empty_pool() -> None:
    rows = rows_of([0.25, 0.5, 0.75], [1, 1, 0])
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        assert ClassBalanced()(rows.to(dtype), 2).tolist() == [2, 1]
    assert ClassBalanced()(torch.empty(0, 2), 0).tolist() == []


def test_bad_rows_are_refused() -> None:
    rows = rows_of([0.1, 0.2], [0, 1])
    with pytest.raises(
        ValueError, match=r"rows \(score, class\), \(N, 2\), but these are torch.float64 of shape \(2,\)"
    ):
        ClassBalanced()(rows[:, 0], 1)
    with pytest.raises(ValueError, match=r"but these are torch.int64"):
        ClassBalanced()(rows.long(), 1)
    for bad in (0.5, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match=r"whole numbers of at least 0, but row 1 has"):
            ClassBalanced()(
                rows_of([0.1, 0.2], [0, 1]).index_put((torch.tensor(1), torch.tensor(1)), torch.tensor(bad).double()), 1
            )
    with pytest.raises(ValueError, match="the score of row 0 is NaN"):
        ClassBalanced()(rows_of([math.nan, 0.2], [0, 1]), 1)
    with pytest.raises(ValueError, match=r"remainder must be candidates or scores, but it is 'both'"):
        ClassBalanced("both")
