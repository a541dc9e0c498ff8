"""Points that cost differently: the score per cost."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from bayesal.data.pool import Pool
from bayesal.selection import top
from bayesal.strategies import PerCost, Pick

IDS = ["a", "b", "c", "d"]
COSTS = {"a": 1.0, "b": 4, "c": 2.0, "d": 0.5}


@dataclass(frozen=True)
class Own:
    """A view of inputs that are scores already."""

    def __call__(self, belief: Any, pool: Pool, /, *, generator: torch.Generator) -> Any:
        return lambda inputs: inputs.squeeze(1)


def chosen(strategy: Any, scores: list[float], size: int) -> Any:
    pool = Pool.of(Tensor(scores).unsqueeze(1), ids=IDS, progress=False)
    return strategy(None, pool, size, generator=torch.Generator().manual_seed(0))


def test_scores_are_divided_by_costs():
    scores = [1.0, 6.0, 2.5, 0.0]
    selection = chosen(PerCost(Own(), costs=COSTS), scores, 3)
    assert selection.ids == ["b", "c", "a"]  # 1.5, 1.25, 1
    torch.testing.assert_close(selection.scores, torch.tensor([1.5, 1.25, 1.0], dtype=torch.float64))
    flat = chosen(PerCost(Own(), costs=dict.fromkeys(IDS, 3)), scores, 4)
    assert flat.ids == chosen(Pick(Own(), top), scores, 4).ids


def test_the_costs_are_part_of_the_recipe():
    one, same, other = (PerCost(Own(), costs=costs) for costs in (COSTS, dict(COSTS), {**COSTS, "a": 2}))
    assert repr(one) == repr(same) != repr(other)
    assert repr(one).startswith("PerCost(view=Own(), rule=top, costs=")


@pytest.mark.parametrize(
    ("costs", "scores", "sentence"),
    [
        ({**COSTS, "b": 0}, [1.0] * 4, "the cost of 'b' is 0; a cost is a finite number above 0"),
        ({**COSTS, "b": float("inf")}, [1.0] * 4, "the cost of 'b' is inf"),
        ({"a": 1}, [1.0] * 4, "the costs leave out 'b'"),
        (COSTS, [1.0, -2.0, 0.0, 0.0], "scores of at least 0, but one is -2; choose another score"),
    ],
)
def test_costs_and_scores_that_cannot_be_divided_get_a_sentence(costs: dict, scores: list[float], sentence: str):
    with pytest.raises(ValueError, match=sentence):
        chosen(PerCost(Own(), costs=costs), scores, 1)
