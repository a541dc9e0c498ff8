"""History: every point that was asked, in order, with why it was asked and what was answered."""

import sqlite3
from typing import Any

from bayesal.loop.encoding import decode

# Points labelled without ever being asked (volunteered) belong to no round and have no score.
_LINES = """
SELECT e.round, i.id, i.value, i.n FROM item i JOIN event e ON e.seq = i.event WHERE e.kind = 'asked'
UNION ALL
SELECT NULL, id, NULL, first FROM label
WHERE id NOT IN (SELECT i.id FROM item i JOIN event e ON e.seq = i.event WHERE e.kind = 'asked')
ORDER BY 4
"""


def read_history(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """``round`` (None if volunteered), ``order`` (0, 1, ...), ``id``, its current ``label`` (None if it has none),
    ``score`` and ``gain`` (None if volunteered). A point asked again after a retraction has a line each time."""
    labels = dict(connection.execute("SELECT id, label FROM label").fetchall())
    lines = []
    for order, (round_, key, value, _) in enumerate(connection.execute(_LINES)):
        why = {"score": None, "gain": None} if value is None else decode(value)
        label = decode(labels[key]) if key in labels else None
        lines.append({"round": round_, "order": order, "id": decode(key), "label": label, **why})
    return lines
