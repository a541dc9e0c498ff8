"""The laws of a rule: rows become B different positions."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

import torch
from torch import Generator, Tensor

from bayesal.selection.greedy import grow
from bayesal.testing.findings import Finding, first_line, law, leaves_global_generator, require
from bayesal.types import GreedyRule, Rule


def check_rule(rule: Rule | GreedyRule[Any], rows: Tensor | None = None, *, batch_size: int = 5) -> list[Finding]:
    """Prove the laws of a rule, or raise ``LawBroken``.

    ``rule``: a callable from rows to positions, or a greedy rule (``init``, ``gains``, ``take``), which is grown.
    ``rows``: what the rule chooses from, ``N ...`` with N > ``batch_size``; default: 20 scores, or for a greedy rule
    log-probabilities of 20 points, 8 hypotheses and 3 classes.

    Laws: B different positions in range · an empty batch, the whole pool · a batch larger than the pool and NaN rows
    are refused with a ValueError · a seed fixes the choice · rows and the global generator are left alone. Greedy:
    one gain a row, ``take`` leaves the old state alone, two points at once are two points one after the other, the
    first pick has the largest gain.
    """
    return require(examine_rule(rule, rows, batch_size=batch_size))


def examine_rule(rule: Rule | GreedyRule[Any], rows: Tensor | None = None, *, batch_size: int = 5) -> list[Finding]:
    """The findings of ``check_rule``, broken laws included."""
    greedy = all(hasattr(rule, word) for word in ("init", "gains", "take"))
    if rows is None:
        rows = _log_probs() if greedy else torch.rand(20, generator=Generator().manual_seed(3), dtype=torch.float64)
    if len(rows) <= batch_size:
        raise ValueError(f"check a rule on more rows than the batch of {batch_size}; {len(rows)} were given")
    choose = partial(_grown, cast(GreedyRule[Any], rule)) if greedy else cast(Rule, rule)
    try:
        findings = list(_rule_laws(choose, rows, batch_size))
        if greedy:
            findings += _greedy_laws(cast(GreedyRule[Any], rule), rows)
    except Exception as error:
        return [Finding("chooses", False, f"choosing {batch_size} of {len(rows)} rows failed: {first_line(error)}")]
    return findings


def _rule_laws(choose: Rule, rows: Tensor, batch_size: int) -> Iterator[Finding]:
    n = len(rows)
    before = rows.clone()

    def positions(b: int, seed: int = 0) -> list[int]:
        return choose(rows, b, generator=Generator().manual_seed(seed)).tolist()

    chosen = positions(batch_size)
    yield law(
        "different positions",
        len(chosen) == len(set(chosen)) == batch_size and all(0 <= i < n for i in chosen),
        f"a batch of {batch_size} is {batch_size} different positions",
        f"a batch of {batch_size} from {n} rows gave the positions {chosen}",
    )
    yield law("empty batch", positions(0) == [], "an empty batch is empty", "a batch of 0 is not empty")
    yield law(
        "whole pool",
        sorted(positions(n)) == list(range(n)),
        "a batch as large as the pool is the pool",
        "a batch as large as the pool leaves rows out",
    )
    yield law("seed", positions(batch_size) == chosen, "a seed fixes the choice", "the same seed chose other rows")
    yield _refuses("too large a batch", lambda: positions(n + 1), f"a batch of {n + 1} from {n} rows")
    yield _nan(choose, rows, batch_size, chosen)
    yield law(
        "rows unchanged",
        torch.equal(before, rows),
        "the rows are left as they were",
        "it changes the rows it was given",
    )
    yield leaves_global_generator("choosing", lambda: positions(batch_size))


def _greedy_laws(rule: GreedyRule[Any], rows: Tensor) -> Iterator[Finding]:
    start = rule.init(rows, generator=Generator().manual_seed(0))
    gains = rule.gains(start).clone()
    yield law(
        "one gain a row",
        gains.shape == (len(rows),),
        "every row has a gain",
        f"{len(rows)} rows should have {len(rows)} gains, but the shape is {tuple(gains.shape)}",
    )
    first = int(gains.argmax())
    picked = grow(rule, rows, 1, generator=Generator().manual_seed(0)).positions.tolist()
    yield law(
        "first pick",
        bool(gains[picked[0]] >= gains[first] - 1e-9),
        "the first pick has the largest gain",
        f"row {first} has the largest gain, but row {picked[0]} was picked",
    )
    together = rule.gains(rule.take(start, rows[[1, 2]]))
    yield law(
        "old states stay",
        torch.allclose(rule.gains(start), gains, rtol=1e-9, atol=1e-12),
        "take() leaves the old state alone",
        "take() changed the state it was given; it must return a new one",
    )
    one_by_one = rule.gains(rule.take(rule.take(start, rows[[1]]), rows[[2]]))
    yield law(
        "points add up",
        torch.allclose(together, one_by_one, rtol=1e-5, atol=1e-7),
        "two points at once are two points one after the other",
        "taking two points at once differs from taking one after the other",
    )


def _refuses(name: str, act: Callable[[], Any], what: str) -> Finding:
    try:
        act()
    except ValueError:
        return Finding(name, True, f"{what} is refused with a sentence")
    except Exception as error:
        return Finding(name, False, f"{what} should raise a ValueError with a sentence, but raised {first_line(error)}")
    return Finding(name, False, f"{what} should raise a ValueError, but something was chosen")


def _nan(choose: Rule, rows: Tensor, batch_size: int, chosen: list[int]) -> Finding:
    poisoned = rows.clone()
    poisoned[0] = torch.nan
    finding = _refuses(
        "NaN rows", lambda: choose(poisoned, batch_size, generator=Generator().manual_seed(0)), "a row of NaN"
    )
    if finding.passed:
        return finding
    poisoned[:] = torch.nan
    try:
        blind = choose(poisoned, batch_size, generator=Generator().manual_seed(0)).tolist() == chosen
    except Exception:
        return finding
    return Finding("NaN rows", True, "it does not look at the rows, so NaN does not matter") if blind else finding


def _grown(rule: GreedyRule[Any], rows: Tensor, batch_size: int, /, *, generator: Generator) -> Tensor:
    return grow(rule, rows, batch_size, generator=generator).positions


def _log_probs() -> Tensor:
    return torch.randn(20, 8, 3, generator=Generator().manual_seed(3), dtype=torch.float64).log_softmax(-1)
