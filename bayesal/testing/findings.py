"""What a check found: one law, kept or broken, in a sentence."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Finding:
    """``passed`` is False for a broken law; a ``warning`` is something to know that breaks none."""

    law: str
    passed: bool
    sentence: str
    warning: bool = False


class LawBroken(AssertionError):
    """At least one law does not hold; the message has a sentence for each."""


def require(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, if no law is broken; else ``LawBroken``."""
    found = list(findings)
    broken = [finding for finding in found if not finding.passed]
    if broken:
        raise LawBroken("\n".join(f"{finding.law}: {finding.sentence}" for finding in broken))
    return found


def law(name: str, holds: bool, kept: str, broken: str) -> Finding:
    """A finding with the sentence that fits."""
    return Finding(name, holds, kept if holds else broken)


def first_line(error: BaseException) -> str:
    """An exception in one line, for a sentence."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else 'no message'}"


def leaves_global_generator(name: str, act: Callable[[], Any]) -> Finding:
    """Randomness is an argument: acting must not move torch's global generator."""
    before = torch.random.get_rng_state()
    act()
    same = torch.equal(before, torch.random.get_rng_state())
    torch.random.set_rng_state(before)
    return law(
        "global randomness",
        same,
        f"{name} leaves torch's global generator where it was",
        f"{name} uses torch's global random generator; draw from the generator that is passed, or fork_rng around it",
    )
