"""The laws of a ledger: append-only, complete, and its current labels are what its events say."""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from bayesal.loop.events import Event
from bayesal.loop.ledger import Ledger
from bayesal.testing.findings import Finding, first_line, law, require
from bayesal.types import Id

FORBIDDEN = ("UPDATE event SET by = 'x'", "DELETE FROM event", "UPDATE item SET value = 'x'", "DELETE FROM item")


def check_ledger(path: str | os.PathLike[str]) -> list[Finding]:
    """Prove the laws of the ledger in this file (or of the study in this folder), or raise ``LawBroken``.

    Laws: it opens, and every event is as it was written (a chain of SHA-256) · SQLite finds the file whole · events
    cannot be updated or deleted (tried on a copy in memory) · every event has a UUID of its own · the current labels,
    the skipped and the pending points are what replaying the events gives. The file is only read.
    """
    return require(examine_ledger(path))


def examine_ledger(path: str | os.PathLike[str]) -> list[Finding]:
    """The findings of ``check_ledger``, broken laws included."""
    file = Path(path)
    file = file / "ledger.sqlite" if file.is_dir() else file
    try:
        with Ledger.open(file, create=False) as ledger:
            events, standing = ledger.events(), ledger.standing()
    except Exception as error:
        return [Finding("opens", False, f"it cannot be opened: {first_line(error)}")]
    findings = [Finding("opens", True, f"{len(events)} events, each as it was written")]
    findings += _file_laws(file)
    uuids = {event.uuid for event in events}
    findings.append(
        law("one UUID an event", len(uuids) == len(events), "every event has its own UUID", "two events share a UUID")
    )
    labels, skipped, pending = replay(events)
    seen = (list(standing.labels.items()), standing.skipped, standing.pending)
    findings.append(
        law(
            "replay",
            seen == (list(labels.items()), skipped, pending),
            f"replaying the events gives the {len(labels)} current labels, the skipped and the pending points",
            "replaying the events gives other labels, skipped or pending points than the ledger shows",
        )
    )
    return findings


def replay(events: Iterable[Event]) -> tuple[dict[Id, Any], list[Id], list[Id]]:
    """Current labels, skipped and pending points, from the events alone: the plain words of what the views compute."""
    answers: list[tuple[Id, str, str, Any]] = []  # point, who, what kind of answer, the label
    asked: list[Id] = []
    for event in events:
        for point, value in event.points:
            if event.kind in ("told", "skipped"):
                answers.append((point, event.by, event.kind, value))
            elif event.kind == "asked":
                asked = [other for other in asked if other != point] + [point]
            elif event.kind == "retracted":
                answers = [a for a in answers if not (a[0] == point and (value is None or value == a[1]))]
                asked = [other for other in asked if other != point]
    labels: dict[Id, Any] = {}
    for point, _, kind, value in answers:
        if kind == "told":
            labels[point] = value  # a dict keeps the place of the first and the value of the last
    answered = list(dict.fromkeys(point for point, *_ in answers))
    return labels, [p for p in answered if p not in labels], [p for p in asked if p not in answered]


def _file_laws(file: Path) -> Iterator[Finding]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as original:
            original.backup(copy)
        whole = copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        whole = whole and not copy.execute("PRAGMA foreign_key_check").fetchall()
        yield law("whole", whole, "SQLite finds the file whole", "SQLite finds the file damaged")
        allowed = [statement for statement in FORBIDDEN if _allowed(copy, statement)]
        yield law(
            "append-only",
            not allowed,
            "events cannot be updated or deleted",
            f"the ledger lets itself be changed: {'; '.join(allowed)}",
        )


def _allowed(copy: sqlite3.Connection, statement: str) -> bool:
    table = statement.split()[1] if statement.startswith("UPDATE") else statement.split()[2]
    if copy.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0:
        return False  # triggers fire a row at a time; an empty table has nothing to protect
    try:
        copy.execute(statement)
    except sqlite3.DatabaseError:
        return False
    return True
