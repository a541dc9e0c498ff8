"""The ledger: what was asked, told, skipped, retracted and learned in one study, never to be lost or altered."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from bayesal.loop.append import append, name_of
from bayesal.loop.database import open_database, transaction
from bayesal.loop.encoding import decode, encode_id, encode_label
from bayesal.loop.events import Event, Item, read_events
from bayesal.loop.history import read_history
from bayesal.loop.rounds import Round, read_rounds
from bayesal.loop.standing import Standing, read_standing
from bayesal.types import Id


class Ledger:
    """One SQLite file of append-only events. Every method that writes is one transaction, durable when it returns.

    ``uuid``: the caller's name for the event; the same call with the same uuid is recorded once, so that a client that
    never heard back may simply call again. Methods that write return whether something new was recorded. Several
    processes may write; one waits for another up to 10 s.

    Raises ValueError for what cannot be recorded, OSError where the disk refuses, TimeoutError where another process
    does not let go; in each case nothing of the call was recorded.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._standing: tuple[int | None, Standing] | None = None

    @classmethod
    def open(cls, path: str | Path, *, create: bool = True) -> "Ledger":
        """The ledger in this file, made if there is none and ``create``. Anything else in its place is not touched.

        Raises ValueError for a file that is not a ledger, is damaged, was altered, or is of another schema.
        """
        return cls(Path(path), open_database(Path(path), create=create))

    def opened(self, state: Mapping[str, Any], *, by: str = "study") -> dict[str, Any]:
        """Record what this study is, unless it is on record already; returns what is on record."""
        self._append("opened", [], by=by, body=state)
        with transaction(self._connection, self.path, "DEFERRED"):
            (body,) = self._connection.execute("SELECT body FROM event WHERE kind = 'opened'").fetchone()
        return json.loads(body)

    def asked(
        self,
        points: Sequence[tuple[Id, float, float]],
        *,
        round: int,
        known: str,
        seconds: float = 0.0,
        notes: Sequence[str] = (),
        by: str = "study",
    ) -> bool:
        """Record ids to be labelled, each with its score and gain, in the order they were picked.

        Records nothing and returns False when one of them is no longer free: labelled, skipped, or already asked.
        """
        items = [(encode_id(key), json.dumps({"score": score, "gain": gain})) for key, score, gain in points]
        body = {"seconds_select": seconds, "notes": list(notes)}
        return self._append("asked", items, by=by, body=body, round=round, known=known)

    def tell(self, labels: Mapping[Any, Any], *, by: str = "oracle", uuid: str | None = None) -> bool:
        """Record labels, all or none. The newest label of a point is its current one; earlier ones are kept."""
        items = [(encode_id(key), encode_label(key, label)) for key, label in labels.items()]
        return self._append("told", items, by=by, uuid=uuid)

    def skip(self, ids: Iterable[Any], *, by: str = "oracle", uuid: str | None = None) -> bool:
        """Record that these points cannot be labelled; they are not asked again unless it is retracted."""
        return self._append("skipped", [(encode_id(key), None) for key in ids], by=by, uuid=uuid)

    def retract(
        self, ids: Iterable[Any], *, by: str = "oracle", annotator: str | None = None, uuid: str | None = None
    ) -> bool:
        """Take back the labels and skips of these points: everybody's, or those of one ``annotator``.

        A point without any answer left can be asked again. Raises ValueError for one that has nothing to take back.
        """
        return self._append("retracted", [(encode_id(key), annotator) for key in ids], by=by, uuid=uuid)

    def agreed(self, said: Sequence[tuple[str, Mapping[Any, Any]]], labels: Mapping[Any, Any], *, by: str) -> None:
        """Record what several annotators said of some points, each in its own name, and ``by`` whom they agreed on a
        label: all or nothing. None is "cannot be labelled"; where it is agreed on, the labels of these points are taken
        back and they are skipped. The newest label being the current one, the agreement comes last.
        """
        for name, _ in said:
            if not name or name == by:
                raise ValueError(f"annotators need names of their own, other than {by!r}, but one is {name!r}")
        told = {encode_id(key) for _, own in said for key, label in own.items() if label is not None}
        body = {"agreed": True}
        parts: list[tuple[str, list[Item], str, Mapping[str, Any]]] = []
        for name, own in said:
            parts.append(("told", _labels(own), name, {}))
            parts.append(("skipped", _skips(own), name, {}))
        disputed = [(key, None) for key, _ in _skips(labels) if key in told]
        parts += [("retracted", disputed, by, body), ("told", _labels(labels), by, body)]
        parts.append(("skipped", _skips(labels), by, body))
        with transaction(self._connection, self.path):
            for kind, items, name, what in parts:
                append(self._connection, kind, items, by=name, body=what, uuid=name_of(None), round=None, known=None)

    def fitted(self, record: Mapping[str, Any], *, round: int, known: str, by: str = "study") -> bool:
        """Record a learned round. A round is recorded once: False when it was there already."""
        return self._append("fitted", [], by=by, body=record, round=round, known=known)

    def stopped(self, reason: str, *, by: str = "study") -> bool:
        """Record why a run ended; not again while nothing has happened since."""
        return self._append("stopped", [], by=by, body={"reason": reason})

    def standing(self) -> Standing:
        """What the events amount to now, read in one glance."""
        with transaction(self._connection, self.path, "DEFERRED"):
            (last,) = self._connection.execute("SELECT max(seq) FROM event").fetchone()
            if self._standing is None or self._standing[0] != last:  # events are only added: the last one says it all
                self._standing = last, read_standing(self._connection)
            return self._standing[1]

    def events(self) -> list[Event]:
        """All events, in the order in which they were recorded."""
        with transaction(self._connection, self.path, "DEFERRED"):
            return list(read_events(self._connection))

    def rounds(self) -> list[Round]:
        """The learned rounds, in order."""
        with transaction(self._connection, self.path, "DEFERRED"):
            return read_rounds(self._connection)

    def history(self) -> list[dict[str, Any]]:
        """One line a point that was asked or labelled unasked: round, order, id, label, score, gain."""
        with transaction(self._connection, self.path, "DEFERRED"):
            return read_history(self._connection)

    def close(self) -> None:
        """Let go of the file; the log is folded into it."""
        self._connection.close()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _append(
        self,
        kind: str,
        items: Sequence[Item],
        *,
        by: str,
        body: Mapping[str, Any] | None = None,
        uuid: str | None = None,
        round: int | None = None,
        known: str | None = None,
    ) -> bool:
        if not by:
            raise ValueError("by is empty; say who asks or answers, so that the ledger can tell people apart")
        keys = [key for key, _ in items]
        if len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ValueError(f"the point {decode(twice)!r} was named twice in one call; name each point once")
        name = name_of(uuid)
        with transaction(self._connection, self.path):
            return append(self._connection, kind, items, by=by, body=body or {}, uuid=name, round=round, known=known)


def _labels(answers: Mapping[Any, Any]) -> list[Item]:
    return [(encode_id(key), encode_label(key, label)) for key, label in answers.items() if label is not None]


def _skips(answers: Mapping[Any, Any]) -> list[Item]:
    return [(encode_id(key), None) for key, label in answers.items() if label is None]
