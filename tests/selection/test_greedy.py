"""The laws of greedy growth, on rules simple enough to check by eye: sums of weights, and sets to cover."""

from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import pytest
import torch
from hypothesis import given as given_by_hypothesis
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.selection import grow


class Covered(NamedTuple):
    rows: Tensor
    covered: Tensor


@dataclass(frozen=True)
class Cover:
    """Rows are sets (N x D booleans); the gain is how many new elements a row covers. Monotone and submodular."""

    def init(self, rows: Tensor, /, *, generator: Generator) -> Covered:
        return Covered(rows, torch.zeros(rows.shape[1], dtype=torch.bool))

    def gains(self, state: Covered, /) -> Tensor:
        return (state.rows & ~state.covered).sum(1).double()

    def take(self, state: Covered, points: Tensor, /) -> Covered:
        return Covered(state.rows, state.covered | points.any(0))


@dataclass(frozen=True)
class LazyCover(Cover):
    """Gains are refused after the first step, so only ``best`` can have been asked."""

    def gains(self, state: Covered, /) -> Tensor:
        assert not state.covered.any(), "a lazy rule is asked for all gains once only"
        return super().gains(state)

    def best(self, state: Covered, open: Tensor, /) -> tuple[int, float]:
        gains = super().gains(state)
        return max(((n, float(gains[n])) for n in range(len(open)) if open[n]), key=lambda pick: (pick[1], -pick[0]))


@dataclass(frozen=True)
class LimitedCover(Cover):
    """Claims that only so many elements can be covered."""

    elements: float

    def limit(self, state: Covered, /) -> float:
        return self.elements - float(state.covered.sum())


@dataclass(frozen=True)
class Weights:
    """Rows are their own gains."""

    def init(self, rows: Tensor, /, *, generator: Generator) -> Tensor:
        return rows

    def gains(self, state: Tensor, /) -> Tensor:
        return state

    def take(self, state: Tensor, points: Tensor, /) -> Tensor:
        return state


class Untouchable:
    """A rule that nobody may ask anything."""

    def init(self, rows: Tensor, /, *, generator: Generator) -> None:
        raise AssertionError("an empty batch needs no rule")

    gains = take = init


def sets(*members: str) -> Tensor:
    return torch.tensor([[letter in row for letter in "abcdefgh"] for row in members])


def many_sets(min_size: int = 1) -> st.SearchStrategy[Tensor]:
    row = st.lists(st.booleans(), min_size=6, max_size=6)
    return st.lists(row, min_size=min_size, max_size=7).map(torch.tensor)


def test_each_pick_has_the_largest_gain_given_those_before(generator: Generator) -> None:
    selection = grow(Cover(), sets("abc", "abcd", "ef", "dg"), 3, generator=generator)
    assert selection.ids == [1, 2, 3]
    assert selection.positions.tolist() == [1, 2, 3]
    assert selection.gains.tolist() == [4, 2, 1]
    assert selection.notes == ()


def test_scores_are_the_gains_of_each_pick_alone(generator: Generator) -> None:
    selection = grow(Cover(), sets("abc", "abcd", "ef", "dg"), 4, generator=generator)
    assert selection.scores.tolist() == [4, 2, 2, 3]
    assert selection.gains.tolist() == [4, 2, 1, 0]


@pytest.mark.parametrize("rule", [Cover(), LazyCover()])
def test_ties_go_to_the_lowest_position(rule: Cover, generator: Generator) -> None:
    assert grow(rule, sets("a", "b", "c", "bd", "ae"), 5, generator=generator).ids == [3, 4, 2, 0, 1]


def test_what_is_given_is_taken_before_the_first_pick(generator: Generator) -> None:
    rows = sets("abc", "abcd", "ef", "dg")
    selection = grow(Cover(), rows, 2, given=sets("abc", "e"), generator=generator)
    assert selection.ids == [3, 2]
    assert selection.scores.tolist() == [2, 1]
    assert selection.gains.tolist() == [2, 1]


def test_nothing_given_is_nothing_taken(generator: Generator) -> None:
    rows = sets("abc", "abcd", "ef")
    assert grow(Cover(), rows, 2, given=rows[:0], generator=generator).ids == [1, 2]


@given_by_hypothesis(many_sets(), st.data())
def test_no_row_is_picked_twice_and_the_whole_pool_is_a_permutation(rows: Tensor, data: st.DataObject) -> None:
    size = data.draw(st.integers(0, len(rows)))
    positions = grow(Cover(), rows, size, generator=Generator()).positions.tolist()
    assert len(set(positions)) == len(positions) == size
    assert set(positions) <= set(range(len(rows)))


@given_by_hypothesis(many_sets(min_size=3))
def test_submodular_growth_reaches_its_guarantee(rows: Tensor) -> None:
    covered = float(grow(Cover(), rows, 3, generator=Generator()).gains.sum())
    best = max(int(rows[list(chosen)].any(0).sum()) for chosen in combinations(range(len(rows)), 3))
    assert (1 - 1 / torch.e) * best <= covered <= best


@given_by_hypothesis(many_sets(), st.data())
def test_a_lazy_rule_is_asked_for_its_best_row_and_picks_the_same(rows: Tensor, data: st.DataObject) -> None:
    size = data.draw(st.integers(0, len(rows)))
    eager, lazy = (grow(rule, rows, size, generator=Generator()) for rule in (Cover(), LazyCover()))
    assert lazy.ids == eager.ids
    assert lazy.gains.tolist() == eager.gains.tolist()


def test_gains_never_add_up_to_more_than_the_limit_and_a_note_says_so(generator: Generator) -> None:
    selection = grow(LimitedCover(4.5), sets("abc", "de", "f"), 3, generator=generator)
    assert selection.gains.tolist() == [3, 1.5, 0]
    assert selection.scores.tolist() == [3, 2, 1]
    assert len(selection.notes) == 1
    assert "4.500 of the 4.500" in selection.notes[0]


def test_far_from_the_limit_there_is_nothing_to_note(generator: Generator) -> None:
    assert grow(LimitedCover(8), sets("abc", "de", "f"), 3, generator=generator).notes == ()


def test_what_is_given_counts_towards_the_limit(generator: Generator) -> None:
    selection = grow(LimitedCover(4), sets("abc", "de"), 1, given=sets("abc"), generator=generator)
    assert selection.gains.tolist() == [1]
    assert "4.000 of the 4.000" in selection.notes[0]


def test_a_row_that_is_worth_nothing_at_all_is_picked_before_one_twice(generator: Generator) -> None:
    worthless = torch.tensor([1.0, -torch.inf, -torch.inf])
    assert grow(Weights(), worthless, 3, generator=generator).ids == [0, 1, 2]


@pytest.mark.parametrize("num_rows", [0, 3])
def test_an_empty_batch_asks_the_rule_nothing(num_rows: int, generator: Generator) -> None:
    selection = grow(Untouchable(), torch.zeros(num_rows, 2), 0, generator=generator)
    assert len(selection) == len(selection.scores) == len(selection.gains) == len(selection.positions) == 0


@pytest.mark.parametrize(
    ("rows", "batch_size", "given", "sentence"),
    [
        (torch.ones(3), 4, None, "a batch of 4 was asked for, but there are only 3 rows"),
        (torch.ones(3), -1, None, "at least 0, but it is -1"),
        (torch.tensor([1.0, torch.nan]), 1, None, "the gain of row 1 is NaN"),
        (torch.ones(3, 2), 1, torch.ones(3, 4), r"shape \(3, 4\) and the rows \(3, 2\)"),
    ],
)
def test_bad_input_gets_a_sentence(
    rows: Tensor, batch_size: int, given: Tensor | None, sentence: str, generator: Generator
) -> None:
    with pytest.raises(ValueError, match=sentence):
        grow(Weights(), rows, batch_size, given=given, generator=generator)


def test_a_lazy_rule_may_not_answer_nan(generator: Generator) -> None:
    class Confused(LazyCover):
        def best(self, state: Covered, open: Tensor, /) -> tuple[int, float]:
            return int(open.nonzero()[0]), float("nan")

    with pytest.raises(ValueError, match="the gain of row 0 is NaN"):
        grow(Confused(), sets("abc", "d"), 2, generator=generator)


@dataclass(frozen=True)
class PrunedCover(Cover):
    """Cover where more is picked first; a row is missed for what no other row that was taken covers."""

    over_selection: float = 2.0

    def init(self, rows: Tensor, /, *, generator: Generator) -> Covered:
        return Covered(rows, torch.zeros(rows.shape[1], dtype=torch.int64))

    def gains(self, state: Covered, /) -> Tensor:
        return (state.rows & (state.covered == 0)).sum(1).double()

    def take(self, state: Covered, points: Tensor, /) -> Covered:
        return Covered(state.rows, state.covered + points.sum(0))

    def narrowed(self, state: Covered, positions: Tensor, /) -> Covered:
        return Covered(state.rows[positions], state.covered)

    def costs(self, state: Covered, /) -> Tensor:
        return (state.rows & (state.covered == 1)).sum(1).double()

    def drop(self, state: Covered, points: Tensor, /) -> Covered:
        return Covered(state.rows, state.covered - points.sum(0))


def test_a_pruning_rule_picks_more_and_drops_what_is_missed_least():
    rows = sets("abcd", "abe", "cdf", "e")
    forward = grow(PrunedCover(over_selection=1.0), rows, 2, generator=Generator())
    assert forward.positions.tolist() == [0, 1]
    pruned = grow(PrunedCover(), rows, 2, generator=Generator())
    assert pruned.positions.tolist() == [1, 2]  # 0 and 3, of which nothing is missed, are dropped
    assert pruned.gains.tolist() == [3.0, 3.0]  # what each of those left adds to those before it
    assert pruned.scores.tolist() == [3.0, 3.0]


def test_pruning_drops_the_lowest_of_equals_and_never_what_is_given():
    rows = sets("ab", "cd", "ef", "ab")
    assert grow(PrunedCover(over_selection=1.5), rows, 2, generator=Generator()).positions.tolist() == [1, 2]
    known = grow(PrunedCover(), rows, 1, given=sets("abcd"), generator=Generator())
    assert known.positions.tolist() == [2]


def test_pruning_a_whole_pool_drops_nothing():
    rows = sets("a", "b", "c")
    assert grow(PrunedCover(), rows, 3, generator=Generator()).positions.tolist() == [0, 1, 2]


@dataclass(frozen=True)
class Knowing(Cover):
    """Only what all known rows have counts as covered."""

    def know(self, state: Covered, points: Tensor, /) -> Covered:
        return Covered(state.rows, state.covered | points.all(0))


def test_a_knowing_rule_is_told_what_is_given():
    rows, known = sets("ab", "cde", "f"), sets("cde", "ce")
    assert grow(Cover(), rows, 3, given=known, generator=Generator()).gains.tolist() == [2.0, 1.0, 0.0]
    assert grow(Knowing(), rows, 3, given=known, generator=Generator()).gains.tolist() == [2.0, 1.0, 1.0]


@dataclass(frozen=True)
class Sized:
    """Every row is worth the size of the batch."""

    size: int = 0

    def of_size(self, batch_size: int, /) -> "Sized":
        return Sized(batch_size)

    def init(self, rows: Tensor, /, *, generator: Generator) -> Tensor:
        return rows

    def gains(self, state: Tensor, /) -> Tensor:
        return torch.full((len(state),), float(self.size))

    def take(self, state: Tensor, points: Tensor, /) -> Tensor:
        return state


def test_a_sized_rule_is_told_the_size_of_the_batch():
    selection = grow(Sized(), torch.zeros(5, 1), 3, generator=Generator())
    assert selection.ids == [0, 1, 2]
    assert selection.gains.tolist() == [3.0, 3.0, 3.0]
