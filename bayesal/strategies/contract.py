"""The contract of a query strategy, and what all of them share."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.selection.greedy import grow
from bayesal.types import Belief, GreedyRule, Look, Rule, Selection, UnpackingLook


@runtime_checkable
class Strategy(Protocol[Belief]):
    """A belief and a pool become a batch: ids, with the scores and gains that explain them."""

    def __call__(self, belief: Belief, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection: ...


def check_batch(batch_size: int, n: int) -> None:
    """A batch must be at least 0 and fit in what is left to choose from."""
    if batch_size < 0:
        raise ValueError(f"batch_size must be at least 0, but it is {batch_size}")
    if batch_size > n:
        raise ValueError(
            f"a batch of {batch_size} was asked for, but only {n} unlabelled points are left to choose from; "
            "ask for fewer"
        )


def picked(rule: Rule, scores: Tensor, ids: np.ndarray, batch_size: int, *, generator: Generator) -> Selection:
    """What the rule picks by these scores, by its ids; each pick adds its own score."""
    positions = rule(scores, batch_size, generator=generator)
    return selected(scores, positions, ids)


def selected(scores: Tensor, positions: Tensor, ids: np.ndarray) -> Selection:
    """These positions, by their ids; each adds its own score."""
    chosen = scores[positions]
    return Selection(_at(ids, positions), chosen, chosen, positions)


def unpacking(look: Look) -> Callable[[Tensor], Any]:
    """What makes of scanned rows what a rule wants: the look's ``unpack``, if it has one."""
    return look.unpack if isinstance(look, UnpackingLook) else lambda rows: rows


def seen_beside(look: Look, pool: Pool, *, what: str = "looking at the pool") -> tuple[Any, Any]:
    """What a look shows of what is labelled and of what may be chosen, as a rule wants it."""
    unpack = unpacking(look)
    known = unpack(pool.scan(look, pool.labelled, what="looking at what is labelled"))
    return known, unpack(pool.scan(look, pool.unlabelled, what=what))


def grown(rule: GreedyRule[Any], rows: Tensor, ids: np.ndarray, batch_size: int, *, generator: Generator) -> Selection:
    """``grow``, by the ids of the rows."""
    return named(grow(rule, rows, batch_size, generator=generator), ids)


def named(selection: Selection, ids: np.ndarray) -> Selection:
    """The same selection, by the ids of the rows."""
    return replace(selection, ids=_at(ids, selection.positions))


def _at(ids: np.ndarray, positions: Tensor) -> list[Any]:
    """In plain Python."""
    return ids[positions.cpu().numpy()].tolist()
