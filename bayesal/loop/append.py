"""Recording one event: checked, chained and inserted inside one transaction."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from bayesal.loop.encoding import decode
from bayesal.loop.events import COLUMNS, Item, chain


def append(
    connection: sqlite3.Connection,
    kind: str,
    items: Sequence[Item],
    *,
    by: str,
    body: Mapping[str, Any],
    uuid: str,
    round: int | None,
    known: str | None,
) -> bool:
    """Record the event unless it is there already or came too late; say whether it was recorded."""
    text = json.dumps(dict(body))
    if _repeats(connection, uuid, kind, by, items) or _settled(connection, kind, items, text, round):
        return False
    if kind == "retracted":
        _check_answered(connection, items)
    last = connection.execute("SELECT seq, sha256 FROM event ORDER BY seq DESC LIMIT 1").fetchone()
    seq, before = (last[0] + 1, last[1]) if last else (1, "")
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    event = (uuid, kind, at, by, round, known, text)
    connection.execute(
        f"INSERT INTO event ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (seq, *event, chain(before, event, items))
    )
    connection.executemany("INSERT INTO item (event, id, value) VALUES (?, ?, ?)", [(seq, *item) for item in items])
    return True


def name_of(uuid: str | None) -> str:
    """The caller's uuid in its usual spelling, or a fresh one."""
    if uuid is None:
        return str(uuid4())
    try:
        return str(UUID(uuid))
    except ValueError:
        raise ValueError(f"the uuid of an event is written like {uuid4()}, but it is {uuid!r}") from None


def _repeats(connection: sqlite3.Connection, uuid: str, kind: str, by: str, items: Sequence[Item]) -> bool:
    found = connection.execute("SELECT seq, kind, by FROM event WHERE uuid = ?", (uuid,)).fetchone()
    if found is None:
        return False
    said = connection.execute("SELECT id, value FROM item WHERE event = ? ORDER BY n", found[:1]).fetchall()
    if found[1:] != (kind, by) or said != list(items):
        raise ValueError(f"the uuid {uuid} already names another event; give a new event a new uuid")
    return True


def _settled(connection: sqlite3.Connection, kind: str, items: Sequence[Item], text: str, round: int | None) -> bool:
    """Whether there is nothing to record: no points, an opening or a round there already, a point no longer free."""
    if kind in ("asked", "told", "skipped", "retracted") and not items:
        return True
    if kind in ("opened", "fitted"):
        same = "SELECT 1 FROM event WHERE kind = ? AND round IS ?"
        return connection.execute(same, (kind, round)).fetchone() is not None
    if kind == "stopped":
        last = connection.execute("SELECT kind, body FROM event ORDER BY seq DESC LIMIT 1").fetchone()
        return last == (kind, text)
    if kind == "asked":
        taken = "SELECT 1 FROM answer WHERE id = ?1 UNION ALL SELECT 1 FROM pending WHERE id = ?1"
        return any(connection.execute(taken, (key,)).fetchone() for key, _ in items)
    return False


def _check_answered(connection: sqlite3.Connection, items: Sequence[Item]) -> None:
    for key, annotator in items:
        answer = connection.execute(
            "SELECT 1 FROM answer WHERE id = ?1 AND by = ifnull(?2, by) LIMIT 1", (key, annotator)
        )
        if answer.fetchone() is None:
            by = "" if annotator is None else f" by {annotator}"
            raise ValueError(f"the point {decode(key)!r} has no label or skip{by} to retract; nothing was recorded")
