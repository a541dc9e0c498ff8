"""Where a study stands: what its events amount to at one moment."""

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

from bayesal.loop.encoding import decode
from bayesal.types import Id, Label


@dataclass(frozen=True)
class Standing:
    """``labels``: the current ones, in the order in which the points became known. ``pending``: asked, not answered.
    ``skipped``: answered, but not with a label. ``known``: a hash of ``labels``, in order. ``round``: the round these
    labels belong to; it is ``fitted`` once a belief was learned from them, and has had ``asks`` batches asked.
    ``answers``: how often each point was answered for, skips included; not what several annotators agreed on."""

    labels: dict[Id, Label]
    pending: list[Id]
    skipped: list[Id]
    known: str
    round: int
    fitted: bool
    asks: int
    answers: Mapping[Id, int] = field(default_factory=dict)


def read_standing(connection: sqlite3.Connection) -> Standing:
    """Read inside a transaction, so that it is one moment.

    A round is one set of labels: once something was asked or fitted, other labels are another round, the next.
    """
    labels = connection.execute("SELECT id, label FROM label ORDER BY first").fetchall()
    known = hashlib.sha256(json.dumps(labels).encode()).hexdigest()
    last = connection.execute("SELECT max(round) FROM event").fetchone()[0]
    if last is None:
        round_ = 0
    else:
        same = connection.execute("SELECT 1 FROM event WHERE round = ? AND known = ? LIMIT 1", (last, known)).fetchone()
        round_ = last if same else last + 1
    said = connection.execute(
        "SELECT i.id, count(*) FROM item i JOIN event e ON e.seq = i.event "
        "WHERE e.kind IN ('told', 'skipped') AND e.body = '{}' GROUP BY i.id"  # an agreement has a body
    )
    answers = {decode(key): number for key, number in said}
    kinds = [kind for (kind,) in connection.execute("SELECT kind FROM event WHERE round = ?", (round_,))]
    return Standing(
        labels={decode(key): decode(label) for key, label in labels},
        pending=[decode(key) for (key,) in connection.execute("SELECT id FROM pending ORDER BY n")],
        skipped=[decode(key) for (key,) in connection.execute("SELECT id FROM skipped ORDER BY first")],
        known=known,
        round=round_,
        fitted="fitted" in kinds,
        asks=kinds.count("asked"),
        answers=answers,
    )
