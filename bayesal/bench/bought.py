"""What the studies of a run have bought: labels, answers or, where labels have prices, units of cost."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bayesal.bench.config import ANSWERS, SPENT, SettledConfig
from bayesal.bench.tasks import Task, make_task
from bayesal.loop.ledger import Ledger
from bayesal.loop.rounds import Round
from bayesal.loop.spending import ROUNDING
from bayesal.types import Id


def paid(prices: Mapping[Id, float] | None, ids: Iterable[Id]) -> float | int:
    """What the labels of these points cost together, 1 each where they have no prices."""
    return sum(1 for _ in ids) if prices is None else math.fsum(prices[key] for key in ids)


def bought_until(config: SettledConfig, round_: Round) -> dict[str, float | int]:
    """What was bought when this round was learned, where labels have no prices: by the columns of the results."""
    return {ANSWERS: round_.answers} if config.counts_answers and round_.answers is not None else {}


def bought_by_round(config: SettledConfig, ledger: Ledger, task: Task) -> list[dict[str, float | int]]:
    """What was bought when each round of a study of this task was learned, by the columns of the results beside
    ``labels``; the initial labels count."""
    rounds = ledger.rounds()
    found = [bought_until(config, round_) for round_ in rounds]
    if (prices := task.data.prices) is not None:
        for counts, spent in zip(found, _spent_by_round(config, ledger, rounds, prices, task.pool.labels), strict=True):
            counts[SPENT] = config.budget if abs(spent - config.budget) <= ROUNDING * config.budget else spent
    return found


def _spent_by_round(
    config: SettledConfig, ledger: Ledger, rounds: Sequence[Round], prices: Mapping[Id, float], given: Iterable[Id]
) -> list[float]:
    """A round learned from what was answered in those before it."""
    standing = ledger.standing()
    times: Mapping[Any, int] = standing.answers if config.counts_answers else dict.fromkeys(standing.labels, 1)
    asked: dict[int, list[float]] = defaultdict(list)
    for line in ledger.history():
        asked[line["round"]].append(prices[line["id"]] * times.get(line["id"], 0))
    start = paid(prices, given)
    return [
        math.fsum([start, *(cost for at, costs in asked.items() if at < round_.round for cost in costs)])
        for round_ in rounds
    ]


def typical_price(prices: Mapping[Id, float] | None) -> float:
    """The mean; 1 where labels have no prices."""
    return 1.0 if prices is None else paid(prices, prices) / len(prices)


def check_budget(config: SettledConfig) -> None:
    """Raises ValueError, where labels have prices, for a seed of which the budget does not pay the initial labels or
    exceeds the whole pool."""
    if config.cost is None:
        return
    for seed in config.all_seeds:
        task = make_task(config, seed)
        prices = task.data.prices
        first, whole = paid(prices, task.pool.labels), paid(prices, task.pool.ids.tolist()) * config.repeat_answers
        if config.budget < first:
            raise ValueError(
                f"the {len(task.pool.labels)} initial labels of seed {seed} cost {first:g}, which the budget of "
                f"{config.budget:g} includes but does not pay: raise --budget or lower --initial"
            )
        if config.budget > whole * (1 + ROUNDING):
            raise ValueError(
                f"the budget of {config.budget:g} exceeds what all {len(task.pool)} labels of the pool of seed {seed} "
                f"cost, {whole:g}; lower --budget"
            )
