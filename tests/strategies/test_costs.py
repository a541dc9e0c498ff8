"""Points that cost differently: the score per cost, and which methods can look at it."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from bayesal import acquisitions, methods
from bayesal.data.pool import Pool
from bayesal.selection import power, softrank, top
from bayesal.strategies import Distinct, Narrow, PerCost, Pick, per_cost
from bayesal.views import Predictive

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


SEEN = Predictive(acquisitions.bald, 5)


@pytest.mark.parametrize(
    "method",
    [
        methods.bald(5),
        methods.powerbald(5),
        methods.softrankbald(5),
        methods.margin(5),
        methods.entropy(5),
        methods.epig(5),
        methods.balance(),
        methods.ceal(),
        methods.egl(),
        methods.spn_entropy(),
        Distinct(methods.bald(5)),
        Narrow(methods.random(), 10, methods.bald(5)),
    ],
)
def test_methods_that_pick_by_scores_of_at_least_0_can_look_at_costs(method: Any):
    priced = per_cost(method, COSTS, amounts=False)
    assert priced is not None
    assert repr(priced).count("PerCost(") == 1


@pytest.mark.parametrize(
    "method",
    [
        methods.random(),
        methods.batchbald(5),
        methods.badge(),
        methods.coreset(),
        methods.cluster_margin(),
        methods.balentacq(5),
        methods.softmaxbald(5),
        methods.vaal(),
        methods.loss_prediction(),
        methods.mu_bald(),
        methods.propensity(),
        lambda belief, pool, batch_size, *, generator: None,
    ],
)
def test_batches_signed_scores_and_draws_that_depend_on_the_unit_do_not_look_at_costs(method: Any):
    assert per_cost(method, COSTS, amounts=False) is None


def test_for_amounts_what_may_be_below_0_or_grows_does_not_look_at_costs():
    closed = per_cost(methods.variance(5), COSTS, amounts=True)
    assert repr(closed).count("PerCost(") == 2
    assert per_cost(methods.bald(5), COSTS, amounts=True) == PerCost(SEEN, COSTS)
    assert per_cost(methods.entropy(5), COSTS, amounts=True) is None
    assert per_cost(methods.epig(5), COSTS, amounts=True) is None


@given(unit=st.floats(1e-3, 1e3), seed=st.integers(0, 99))
def test_in_whatever_unit_the_costs_are_the_same_is_drawn(unit: float, seed: int):
    for rule in (partial(power, coldness=1.0), partial(softrank, coldness=1.0)):
        drawn = [
            PerCost(Own(), {key: scale * cost for key, cost in COSTS.items()}, rule)(
                None,
                Pool.of(Tensor([[1.0], [6.0], [2.5], [0.25]]), ids=IDS, progress=False),
                2,
                generator=torch.Generator().manual_seed(seed),
            ).ids
            for scale in (1, unit)
        ]
        assert drawn[0] == drawn[1]
