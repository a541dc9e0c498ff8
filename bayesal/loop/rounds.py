"""Rounds: what was learned from one set of labels, how good it was and what it cost."""

import json
import sqlite3
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Round:
    """One belief, learned from ``labels`` labelled points (those given with the pool included).

    ``metrics``: what ``evaluate`` returned. ``seconds_select``: spent choosing what was asked with this belief.
    ``peak_memory_mib``: the most memory this process had held until then (None where the system does not say).
    ``weights_sha256``: of ``model.safetensors`` as this round wrote it (None for a belief without weights).
    ``watched``: what the stop rules that look at beliefs saw, by the rule's repr. ``answers``: those that were given,
    skips and each of several annotators' included, and the labels given with the pool (None in ledgers of old).
    """

    round: int
    labels: int
    metrics: Mapping[str, float]
    seconds_learn: float
    seconds_evaluate: float
    peak_memory_mib: float | None = None
    weights_sha256: str | None = None
    watched: Mapping[str, Any] | None = None
    seconds_select: float = 0.0
    answers: int | None = None


def record_of(round_: Round) -> dict[str, Any]:
    """What the ledger keeps of a round that was just learned; selecting comes later, with what is asked."""
    record = asdict(round_)
    del record["seconds_select"]
    return record


def read_rounds(connection: sqlite3.Connection) -> list[Round]:
    """The learned rounds, in order, each with the time spent selecting in it."""
    selecting: dict[int, float] = {}
    for round_, body in connection.execute("SELECT round, body FROM event WHERE kind = 'asked'"):
        selecting[round_] = selecting.get(round_, 0.0) + json.loads(body)["seconds_select"]
    fitted = connection.execute("SELECT body FROM event WHERE kind = 'fitted' ORDER BY round")
    records = [json.loads(body) for (body,) in fitted]
    return [Round(**record, seconds_select=selecting.get(record["round"], 0.0)) for record in records]


def peak_memory_mib() -> float | None:
    """The high-water mark of this process's resident memory, which never falls; None on Windows."""
    if sys.platform == "win32":
        return None
    from resource import RUSAGE_SELF, getrusage  # Unix only

    peak = getrusage(RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
