"""Events: what the ledger is made of, and the chain of hashes that shows a changed one."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bayesal.loop.encoding import decode
from bayesal.types import Id

COLUMNS = "seq, uuid, kind, at, by, round, known, body, sha256"
Item = tuple[str, str | None]
"""An id and what was said of it, as they are stored."""


class AlteredEvent(ValueError):
    """An event is not as it was written."""


@dataclass(frozen=True)
class Event:
    """One acknowledged call. ``at`` is UTC. ``points``: each id with what was said of it, in the order it was said:
    for ``asked`` a score and a gain, for ``told`` the label, for ``retracted`` whose answers (None: everybody's)."""

    seq: int
    uuid: str
    kind: str
    at: str
    by: str
    round: int | None
    body: dict[str, Any]
    points: tuple[tuple[Id, Any], ...]


def read_events(connection: sqlite3.Connection) -> Iterator[Event]:
    """Every event in the order it was recorded. Raises AlteredEvent at the first that is not as it was written."""
    before = ""
    items = _items(connection)
    for row in connection.execute(f"SELECT {COLUMNS} FROM event ORDER BY seq"):
        said = items.get(row[0], [])
        if row[8] != chain(before, row[1:8], said):
            raise AlteredEvent(f"event {row[0]} is not as it was written")
        before = row[8]
        seq, uuid, kind, at, by, round_, _, body, _ = row
        plain = kind == "retracted"  # its values are names, not JSON
        points = tuple((decode(key), value if plain or value is None else decode(value)) for key, value in said)
        yield Event(seq, uuid, kind, at, by, round_, json.loads(body), points)


def chain(before: str, event: Sequence[Any], items: Sequence[Item]) -> str:
    """SHA-256 of the event, its items and the hash before it."""
    return hashlib.sha256(json.dumps([before, list(event), [list(item) for item in items]]).encode()).hexdigest()


def _items(connection: sqlite3.Connection) -> dict[int, list[Item]]:
    items: dict[int, list[Item]] = {}
    for event, key, value in connection.execute("SELECT event, id, value FROM item ORDER BY n"):
        items.setdefault(event, []).append((key, value))
    return items
