"""Choosing what to ask: a strategy over what is free, its answer checked before anything is recorded."""

import math
import time
from dataclasses import dataclass
from typing import Any

from torch import Generator

from bayesal.data.pool import Pool
from bayesal.loop.encoding import plain_id
from bayesal.loop.standing import Standing
from bayesal.strategies import Strategy
from bayesal.types import Id


def free_part(pool: Pool, standing: Standing) -> Pool:
    """The pool where only points that are neither labelled, pending nor skipped may be chosen."""
    taken = {*standing.pending, *standing.skipped}
    return pool.only([key for key in pool.unlabelled.tolist() if key not in taken]) if taken else pool


@dataclass(frozen=True)
class Chosen:
    """What to ask: ids with their scores and gains, in the order they were picked; how long that took; notes."""

    points: list[tuple[Id, float, float]]
    seconds: float
    notes: tuple[str, ...]


def select(strategy: Strategy[Any], belief: Any, free: Pool, batch_size: int, *, generator: Generator) -> Chosen:
    """Let the strategy choose. Raises ValueError if it returns another number of ids, one twice, one that is not free,
    or NaN."""
    started = time.perf_counter()
    selection = strategy(belief, free, batch_size, generator=generator)
    seconds = time.perf_counter() - started
    ids = [plain_id(key) for key in selection.ids]
    if len(ids) != batch_size or len(set(ids)) != batch_size:
        raise ValueError(
            f"the method was asked for {batch_size} different ids but returned {len(ids)}, {len(set(ids))} of them "
            f"different; nothing was asked: check {strategy!r}"
        )
    strangers = set(ids) - set(free.unlabelled.tolist())
    if strangers:
        raise ValueError(
            f"the method chose {strangers.pop()!r}, which is labelled, pending, skipped or not in the pool; "
            f"nothing was asked: choose among pool.unlabelled in {strategy!r}"
        )
    scores, gains = selection.scores.tolist(), selection.gains.tolist()
    if any(math.isnan(value) for value in (*scores, *gains)):
        raise ValueError(f"the method chose by scores that are NaN; nothing was asked: check {strategy!r}")
    return Chosen(list(zip(ids, scores, gains, strict=True)), seconds, selection.notes)
