"""Greedy growth of a batch: the one loop, and the one mask, of every rule that picks one point at a time."""

import math
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Generator, Tensor

from bayesal.selection.door import check_batch_size
from bayesal.types import GreedyRule, KnowingRule, LazyRule, LimitedRule, NotingRule, PruningRule, Selection, SizedRule

State = TypeVar("State")

SATURATED = (
    0.9  # of a rule's limit: from here on gains say more about the finite number of hypotheses than about points
)


def grow(
    rule: GreedyRule[State],
    rows: Shaped[Tensor, "N ..."],
    batch_size: int,
    *,
    given: Shaped[Tensor, "P ..."] | None = None,
    generator: Generator,
) -> Selection:
    """Grow a batch by the largest gain: pick_t = argmax_n gain(n | given, pick_1 ... pick_{t-1}); ties: the lowest n.

    ``rows``: N rows as the rule wants them. ``given``: P rows that are already known; they are taken before the first
    pick, or, by a ``KnowingRule``, known. No row is picked twice. A ``SizedRule`` is told the size of the batch. A
    ``PruningRule`` picks ``over_selection`` times the batch, at most all rows, and then drops the one whose loss costs
    least (ties: the lowest n) until B are left, in the order in which they were picked. In the selection ``scores`` are
    the gains before the first pick (each row alone), ``gains`` what each pick added, ``ids`` and ``positions`` both the
    rows' positions. A ``LazyRule`` is asked for its best row at every step; the gains of a ``LimitedRule`` never add up
    to more than its limit, and coming near it is noted, as is what a ``NotingRule`` has to say.

    Greedy growth of a monotone submodular gain reaches 1 - 1/e of the best batch (Nemhauser, Wolsey and Fisher, 1978).

    Raises ValueError for a batch below 0 or above N, for ``given`` rows of another shape, and for gains that are NaN.
    """
    _check(rows, batch_size, given)
    if batch_size == 0:
        nothing = torch.empty(0, dtype=torch.float64)
        return Selection([], nothing, nothing, torch.empty(0, dtype=torch.int64))

    rule = rule.of_size(batch_size) if isinstance(rule, SizedRule) else rule
    state = rule.init(rows, generator=generator)
    ceiling = limit = _limit(rule, state)
    if given is not None and len(given):
        state = rule.know(state, given) if isinstance(rule, KnowingRule) else rule.take(state, given)
        limit = _limit(rule, state)

    alone = rule.gains(state)
    open_ = torch.ones(len(rows), dtype=torch.bool, device=alone.device)
    positions: list[int] = []
    gains: list[float] = []
    total = 0.0
    lazy = isinstance(rule, LazyRule)  # asked once: of a protocol it takes a while
    for step in range(_size(rule, batch_size, len(rows))):
        if step > 0:
            state = rule.take(state, rows[positions[-1:]])
        position, gain = _best(rule, state, open_, alone if step == 0 else None, lazy=lazy)
        open_[position] = False
        gain = min(gain, limit - total)
        total += gain
        positions.append(position)
        gains.append(gain)
    if isinstance(rule, PruningRule) and len(positions) > batch_size:
        state = rule.take(state, rows[positions[-1:]])
        positions, gains = _pruned(rule, state, rows, positions, batch_size)

    return Selection(
        ids=positions,
        scores=alone[positions],
        gains=torch.tensor(gains, dtype=alone.dtype, device=alone.device),
        positions=torch.tensor(positions, device=alone.device),
        notes=_notes(total, limit, ceiling) + (rule.notes(state) if isinstance(rule, NotingRule) else ()),
    )


def _size(rule: GreedyRule[State], batch_size: int, num_rows: int) -> int:
    """How many rows are picked before any is dropped."""
    if not isinstance(rule, PruningRule):
        return batch_size
    return min(num_rows, max(batch_size, round(rule.over_selection * batch_size)))


def _pruned(
    rule: PruningRule[State], state: State, rows: Shaped[Tensor, "N ..."], taken: list[int], batch_size: int
) -> tuple[list[int], list[float]]:
    """The B rows left when, one by one, those that cost least to lose are dropped; and what each adds to those before
    it, which is what it costs to lose it when those after it are lost too."""
    state = rule.narrowed(state, torch.tensor(taken, device=rows.device))
    kept = list(range(len(taken)))
    while len(kept) > batch_size:
        costs = rule.costs(state)[kept].tolist()
        least = min(range(len(kept)), key=lambda place: (costs[place], taken[kept[place]]))
        state = rule.drop(state, rows[[taken[kept.pop(least)]]])
    gains: list[float] = []
    for place in reversed(kept):
        gains.insert(0, float(rule.costs(state)[place]))
        state = rule.drop(state, rows[[taken[place]]])
    return [taken[place] for place in kept], gains


def _best(
    rule: Any, state: Any, open_: Bool[Tensor, "N"], gains: Float[Tensor, "N"] | None, *, lazy: bool
) -> tuple[int, float]:
    if gains is not None:
        _check_numbers(gains)
    if not lazy:
        return _largest(rule.gains(state) if gains is None else gains, open_)
    position, gain = rule.best(state, open_)
    if math.isnan(gain):
        raise ValueError(f"the gain of row {position} is NaN; a greedy rule needs numbers: check the rows for NaN")
    return position, gain


def _largest(gains: Float[Tensor, "N"], open_: Bool[Tensor, "N"]) -> tuple[int, float]:
    _check_numbers(gains)
    candidates = open_.nonzero().squeeze(1)
    position = int(candidates[gains[candidates].argmax()])  # argmax gives the first of equals
    return position, float(gains[position])


def _check_numbers(gains: Float[Tensor, "N"]) -> None:
    if gains.isnan().any():
        row = int(gains.isnan().nonzero()[0])
        raise ValueError(f"the gain of row {row} is NaN; a greedy rule needs numbers: check the rows for NaN")


def _limit(rule: GreedyRule[State], state: State) -> float:
    return rule.limit(state) if isinstance(rule, LimitedRule) else math.inf


def _notes(total: float, limit: float, ceiling: float) -> tuple[str, ...]:
    if ceiling == math.inf or ceiling - limit + total < SATURATED * ceiling:
        return ()
    return (
        f"the gains add up to {ceiling - limit + total:.3f} of the {ceiling:.3f} that can be gained, so the last "
        "picks are little better than chance: draw more hypotheses or choose a smaller batch",
    )


def _check(rows: Tensor, batch_size: int, given: Tensor | None) -> None:
    check_batch_size(batch_size, len(rows))
    if given is not None and given.shape[1:] != rows.shape[1:]:
        raise ValueError(
            f"the given rows have shape {tuple(given.shape)} and the rows {tuple(rows.shape)}; "
            "all axes after the first must be the same"
        )
