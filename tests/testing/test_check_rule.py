"""The laws of rules: ours keep them, broken ones are caught."""

from dataclasses import dataclass

import pytest
import torch
from torch import Generator, Tensor

from bayesal import selection
from bayesal.testing import LawBroken, check_rule

FEATURES = torch.randn(20, 3, generator=Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("name", ["top", "random", "power", "softmax", "softrank"])
def test_our_rules_keep_the_laws(name: str) -> None:
    check_rule(getattr(selection, name))


@pytest.mark.parametrize("num_configurations", [10_000, 50])
def test_batchbald_keeps_the_laws(num_configurations: int) -> None:
    check_rule(selection.BatchBALD(num_configurations))


def _topk(scores: Tensor, batch_size: int, /, *, generator: Generator) -> Tensor:
    return scores.topk(min(batch_size, len(scores))).indices


def _with_replacement(scores: Tensor, batch_size: int, /, *, generator: Generator) -> Tensor:
    return torch.randint(3, (batch_size,), generator=generator)


def _global(scores: Tensor, batch_size: int, /, *, generator: Generator) -> Tensor:
    return torch.randperm(len(scores))[:batch_size]


def _vandal(scores: Tensor, batch_size: int, /, *, generator: Generator) -> Tensor:
    chosen = selection.top(scores, batch_size, generator=generator)
    scores[chosen] = 0.0
    return chosen


@pytest.mark.parametrize(
    ("broken", "law"),
    [
        (_topk, "too large a batch"),
        (_topk, "NaN rows"),
        (_with_replacement, "different positions"),
        (_global, "seed"),
        (_vandal, "rows unchanged"),
    ],
)
def test_a_broken_rule_is_caught(broken: selection.top, law: str) -> None:  # type: ignore[valid-type]
    with pytest.raises(LawBroken, match=law):
        check_rule(broken)


@dataclass(frozen=True)
class Farthest:
    """Distance to the nearest taken row; before anything is taken, the norm."""

    in_place: bool = False
    forgets: bool = False

    def init(self, rows: Tensor, /, *, generator: Generator) -> tuple[Tensor, Tensor]:
        return rows, rows.norm(dim=-1) + (0 * rows).sum(-1)

    def gains(self, state: tuple[Tensor, Tensor], /) -> Tensor:
        return state[1]

    def take(self, state: tuple[Tensor, Tensor], points: Tensor, /) -> tuple[Tensor, Tensor]:
        rows, distance = state
        if self.forgets:
            return rows, torch.cdist(rows, points[-1:]).squeeze(-1)
        nearest = torch.cdist(rows, points).amin(-1)
        if self.in_place:
            distance.copy_(torch.minimum(distance, nearest))
            return rows, distance
        return rows, torch.minimum(distance, nearest)


def test_a_sound_greedy_rule_of_a_user_keeps_the_laws() -> None:
    check_rule(Farthest(), FEATURES)


def test_a_greedy_rule_that_changes_its_old_state_is_caught() -> None:
    with pytest.raises(LawBroken, match="old states stay"):
        check_rule(Farthest(in_place=True), FEATURES)


def test_a_rule_needs_more_rows_than_the_batch() -> None:
    with pytest.raises(ValueError, match="more rows"):
        check_rule(selection.top, torch.rand(5))
