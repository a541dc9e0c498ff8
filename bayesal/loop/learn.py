"""Learning one round: train on what is known, keep the weights, measure."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.loop.files import write_tensors
from bayesal.loop.rounds import Round, peak_memory_mib
from bayesal.loop.stabilised import Watches
from bayesal.loop.standing import Standing
from bayesal.loop.stop import StopRule
from bayesal.loop.streams import stream

Learner: TypeAlias = Callable[[Pool, Generator], Any]
"""A pool with labels becomes a belief; every draw comes from the generator."""
Evaluate: TypeAlias = Callable[[Any, Generator], Mapping[str, Any]]
"""A belief becomes metrics: accuracy, nll, rmse, ..."""

WEIGHTS = "model.safetensors"


@runtime_checkable
class HasState(Protocol):
    """A belief with weights to keep."""

    state: dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Learned:
    """A belief, the round it belongs to, the hash of the labels it was learned from, the seconds that took, and the
    SHA-256 of its weights, if it has any."""

    belief: Any
    round: int
    known: str
    seconds: float
    weights_sha256: str | None


def learn(learner: Learner, pool: Pool, standing: Standing, *, seed: int, folder: Path) -> Learned:
    """Learn from the pool's labels; the weights, if the belief has any, replace those in the folder."""
    started = time.perf_counter()
    belief = learner(pool, stream(seed, standing.round, "learn"))
    seconds = time.perf_counter() - started
    weights = write_tensors(folder / WEIGHTS, belief.state) if isinstance(belief, HasState) else None
    return Learned(belief, standing.round, standing.known, seconds, weights)


def measure(
    learned: Learned, pool: Pool, standing: Standing, *, evaluate: Evaluate | None, stop: Sequence[StopRule], seed: int
) -> Round:
    """The round's record: metrics, what the stop rules saw, cost. Raises ValueError for a metric that is NaN."""
    started = time.perf_counter()
    measured = evaluate(learned.belief, stream(seed, standing.round, "evaluate")) if evaluate else {}
    metrics = {str(name): float(value) for name, value in measured.items()}
    wrong = [name for name, value in metrics.items() if math.isnan(value)]
    if wrong:
        raise ValueError(
            f"evaluate returned NaN for {wrong[0]} in round {standing.round}; the labels are safe: correct it, run on"
        )
    generator = stream(seed, standing.round, "watch")
    watched = {
        repr(rule): rule.watch(learned.belief, pool, generator=generator) for rule in stop if isinstance(rule, Watches)
    }
    return Round(
        round=standing.round,
        labels=len(pool.labels),
        metrics=metrics,
        seconds_learn=learned.seconds,
        seconds_evaluate=time.perf_counter() - started,
        peak_memory_mib=peak_memory_mib(),
        weights_sha256=learned.weights_sha256,
        watched=watched,
        answers=num_answers(pool, standing),
    )


def num_answers(pool: Pool, standing: Standing) -> int:
    """Answers given so far, skips included, and the labels that came with the pool."""
    return len(pool.labels.keys() - standing.labels.keys()) + sum(standing.answers.values())
