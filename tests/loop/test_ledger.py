import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from bayesal.loop import Ledger


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        yield ledger


def _ask(ledger: Ledger, *ids, **changes) -> bool:
    standing = ledger.standing()
    settings = {"round": standing.round, "known": standing.known} | changes
    return ledger.asked([(key, 1.0, 0.5) for key in ids], **settings)


def _count(ledger: Ledger) -> int:
    return len(ledger.events())


def test_the_newest_label_wins_and_every_label_is_kept(ledger):
    ledger.tell({"a": 1, "b": 2}, by="ann")
    ledger.tell({"a": 3}, by="bob")
    assert ledger.standing().labels == {"a": 3, "b": 2}
    assert [(event.by, event.points) for event in ledger.events()] == [
        ("ann", (("a", 1), ("b", 2))),
        ("bob", (("a", 3),)),
    ]


def test_labels_stand_in_the_order_in_which_the_points_became_known(ledger):
    ledger.tell({"c": 0, "a": 0})
    ledger.tell({"b": 0})
    ledger.tell({"c": 1})
    assert list(ledger.standing().labels) == ["c", "a", "b"]


def test_a_retracted_point_has_no_label_and_can_be_asked_again(ledger):
    _ask(ledger, "a")
    ledger.tell({"a": 1}, by="ann")
    ledger.tell({"a": 2}, by="bob")
    ledger.retract(["a"], by="carl")
    assert ledger.standing().labels == {}
    assert ledger.standing().pending == []
    assert _ask(ledger, "a")
    assert ledger.standing().pending == ["a"]


def test_one_annotator_can_be_retracted_alone(ledger):
    ledger.tell({"a": 1, "b": 1}, by="ann")
    ledger.tell({"a": 2}, by="bob")
    ledger.retract(["a"], by="carl", annotator="bob")
    assert ledger.standing().labels == {"a": 1, "b": 1}
    ledger.tell({"a": 4}, by="bob")
    assert ledger.standing().labels["a"] == 4


def test_a_skipped_point_is_not_free_until_it_is_labelled_or_the_skip_is_retracted(ledger):
    _ask(ledger, "a", "b")
    ledger.skip(["a", "b"])
    assert ledger.standing().skipped == ["a", "b"]
    assert ledger.standing().pending == []
    assert not _ask(ledger, "a")
    ledger.tell({"a": 1})
    ledger.retract(["b"])
    assert ledger.standing().skipped == []
    assert _ask(ledger, "b")


def test_a_label_outlives_the_skip_of_someone_else(ledger):
    ledger.tell({"a": 1}, by="ann")
    ledger.skip(["a"], by="bob")
    assert ledger.standing().labels == {"a": 1}
    assert ledger.standing().skipped == []
    ledger.retract(["a"], annotator="ann")
    assert ledger.standing().skipped == ["a"]


@pytest.mark.parametrize("answer", ["tell", "skip", "ask"])
def test_a_point_that_is_not_free_is_not_asked_and_nor_is_its_batch(ledger, answer):
    {"tell": lambda: ledger.tell({"a": 1}), "skip": lambda: ledger.skip(["a"]), "ask": lambda: _ask(ledger, "a")}[
        answer
    ]()
    before = _count(ledger)
    assert not _ask(ledger, "b", "a")
    assert _count(ledger) == before


def test_what_is_asked_is_pending_in_the_order_it_was_picked(ledger):
    _ask(ledger, "c", 7, "a")
    _ask(ledger, "7")
    assert ledger.standing().pending == ["c", 7, "a", "7"]
    ledger.tell({7: 0})
    assert ledger.standing().pending == ["c", "a", "7"]


def test_a_number_and_its_text_are_different_points(ledger):
    ledger.tell({7: "number", "7": "text"})
    ledger.retract([7])
    assert ledger.standing().labels == {"7": "text"}


def test_rounds_count_the_sets_of_labels_that_were_asked_or_fitted(ledger):
    assert (ledger.standing().round, ledger.standing().asks) == (0, 0)
    _ask(ledger, "a")
    _ask(ledger, "b")
    assert (ledger.standing().round, ledger.standing().asks) == (0, 2)
    ledger.tell({"a": 1})
    ledger.tell({"b": 1})
    standing = ledger.standing()
    assert (standing.round, standing.asks, standing.fitted) == (1, 0, False)
    assert ledger.fitted({"round": 1}, round=1, known=standing.known)
    assert (ledger.standing().round, ledger.standing().fitted) == (1, True)
    ledger.skip(["c"])
    ledger.tell({"a": 1}, by="someone who agrees")
    assert (ledger.standing().round, ledger.standing().fitted) == (1, True)
    ledger.tell({"a": 2})
    assert (ledger.standing().round, ledger.standing().fitted) == (2, False)


def test_a_round_an_opening_and_a_stop_are_recorded_once(ledger):
    assert ledger.opened({"seed": 0}) == {"seed": 0}
    assert ledger.opened({"seed": 1}) == {"seed": 0}
    assert ledger.fitted({"round": 0, "labels": 1}, round=0, known="x")
    assert not ledger.fitted({"round": 0, "labels": 2}, round=0, known="x")
    assert ledger.stopped("enough")
    assert not ledger.stopped("enough")
    assert ledger.stopped("more than enough")
    ledger.tell({"a": 1})
    assert ledger.stopped("more than enough")


def test_the_same_uuid_is_recorded_once(ledger):
    name = uuid4()
    assert ledger.tell({"a": 1}, uuid=str(name))
    assert not ledger.tell({"a": 1}, uuid=name.hex.upper())
    assert _count(ledger) == 1
    assert ledger.retract(["a"], uuid="0" * 32)
    assert not ledger.retract(["a"], uuid="0" * 32)


@pytest.mark.parametrize(
    "act",
    [
        lambda ledger, uuid: ledger.tell({"a": 2}, uuid=uuid),
        lambda ledger, uuid: ledger.tell({"a": 1}, by="bob", uuid=uuid),
        lambda ledger, uuid: ledger.tell({"a": 1, "b": 1}, uuid=uuid),
        lambda ledger, uuid: ledger.skip(["a"], uuid=uuid),
    ],
)
def test_a_uuid_cannot_name_two_events(ledger, act):
    uuid = str(uuid4())
    ledger.tell({"a": 1}, uuid=uuid)
    with pytest.raises(ValueError, match="already names another event; give a new event a new uuid"):
        act(ledger, uuid)
    assert ledger.standing().labels == {"a": 1}
    assert _count(ledger) == 1


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda ledger: ledger.tell({"a": 1, "b": None}), "the label of 'b' is None"),
        (lambda ledger: ledger.tell({"a": 1, "b": float("nan")}), "the label of 'b' holds nan"),
        (lambda ledger: ledger.tell({"a": 1, 1.5: 2}), "ids are integers or strings, but 1.5 is a float"),
        (lambda ledger: ledger.tell({"a": 1}, by=""), "by is empty"),
        (lambda ledger: ledger.tell({"a": 1}, uuid="mine"), "the uuid of an event is written like .* but it is 'mine'"),
        (lambda ledger: ledger.skip(["a", "b", "a"]), "the point 'a' was named twice in one call"),
        (lambda ledger: ledger.retract(["told", "a"]), "the point 'a' has no label or skip to retract; nothing was"),
        (lambda ledger: ledger.retract(["told"], annotator="bob"), "'told' has no label or skip by bob to retract"),
    ],
)
def test_what_cannot_be_recorded_gets_a_sentence_and_records_nothing(ledger, act, sentence):
    ledger.tell({"told": 1}, by="ann")
    with pytest.raises(ValueError, match=sentence):
        act(ledger)
    assert _count(ledger) == 1
    assert ledger.standing().labels == {"told": 1}


def test_a_closed_ledger_and_another_thread_get_a_sentence(ledger):
    with ThreadPoolExecutor(1) as other, pytest.raises(ValueError, match="is closed or belongs to another thread"):
        other.submit(ledger.tell, {"a": 1}).result()
    ledger.close()
    with pytest.raises(ValueError, match=r"is closed or belongs to another thread .*; open it again"):
        ledger.tell({"a": 1})


def test_nothing_said_is_nothing_recorded(ledger):
    assert not ledger.tell({})
    assert not ledger.skip([])
    assert not ledger.retract([])
    assert _count(ledger) == 0


def test_every_event_says_when_in_utc_and_who(ledger):
    ledger.tell({"a": 1}, by="ann")
    (event,) = ledger.events()
    said = datetime.fromisoformat(event.at)
    assert said.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - said) < timedelta(minutes=5)
    assert event.by == "ann"
    assert UUID(event.uuid).version == 4


def test_a_clock_that_runs_backwards_changes_no_order(ledger, monkeypatch):
    ledger.tell({"a": "first", "b": 0})

    class Yesterday(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) - timedelta(days=1)

    monkeypatch.setattr("bayesal.loop.append.datetime", Yesterday)
    ledger.tell({"a": "second"})
    assert ledger.standing().labels == {"a": "second", "b": 0}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET by = 'me'",
        "DELETE FROM event",
        "UPDATE item SET value = '9' WHERE id = '\"a\"'",
        "DELETE FROM item WHERE n = 1",
        "INSERT OR REPLACE INTO event SELECT seq, uuid, kind, at, 'me', round, known, body, sha256 FROM event LIMIT 1",
        "INSERT OR REPLACE INTO event SELECT 9, uuid, kind, at, 'me', round, known, body, sha256 FROM event LIMIT 1",
        "INSERT OR REPLACE INTO event SELECT 9, 'u', kind, at, 'me', round, known, body, sha256 FROM event "
        "WHERE kind = 'fitted'",
        "INSERT OR REPLACE INTO item (n, event, id, value) SELECT n, event, id, '9' FROM item LIMIT 1",
        "INSERT OR REPLACE INTO item (event, id, value) SELECT max(seq), '\"z\"', '9' FROM event",
        "INSERT INTO item (event, id, value) VALUES (1, '\"more\"', '9')",
        "INSERT INTO event SELECT seq, uuid, kind, at, by, round, known, body, sha256 FROM event LIMIT 1 "
        "ON CONFLICT DO UPDATE SET by = 'me'",
    ],
)
def test_no_statement_changes_what_was_recorded(ledger, statement):
    ledger.tell({"a": 1})
    ledger.fitted({"round": 1}, round=1, known="x")
    ledger.tell({"b": 1, "z": 1})
    before = ledger.events()
    with pytest.raises(sqlite3.IntegrityError, match="the ledger is append-only"):
        ledger._connection.execute(statement)
    assert ledger.events() == before


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("INSERT INTO item (event, id) VALUES (99, 'x')", "append-only"),
        ("INSERT INTO event VALUES (9, 'u', 'guessed', 't', 'b', NULL, NULL, '{}', 's')", "CHECK constraint"),
        ("INSERT INTO event VALUES (9, 'u', 'fitted', 't', 'b', NULL, NULL, '{}', 's')", "CHECK constraint"),
        ("INSERT INTO event VALUES (9, 'u', 'told', 't', 'b', 1, 'x', '{}', 's')", "CHECK constraint"),
    ],
)
def test_no_statement_records_what_is_no_event(ledger, statement, rule):
    ledger.tell({"a": 1})
    with pytest.raises(sqlite3.IntegrityError, match=rule):
        ledger._connection.execute(statement)


def test_what_is_told_can_be_read_by_others_at_once_and_while_they_write(tmp_path, ledger):
    with Ledger.open(tmp_path / "ledger.sqlite", create=False) as reader:
        assert reader.standing().labels == {}
        ledger.tell({"a": 1})
        assert reader.standing().labels == {"a": 1}
        ledger._connection.execute("BEGIN IMMEDIATE")
        assert reader.standing().labels == {"a": 1}
        ledger._connection.execute("ROLLBACK")


def test_history_has_a_line_each_time_a_point_was_asked_or_volunteered(ledger):
    standing = ledger.standing()
    ledger.asked([("a", 0.5, 0.4), ("b", 0.3, 0.1), ("c", 0.2, 0.0)], round=0, known=standing.known)
    ledger.tell({"v": 9, "b": 2, "a": 1})
    ledger.skip(["c"])
    ledger.retract(["a"])
    ledger.asked([("a", 0.9, 0.8)], round=1, known=ledger.standing().known)
    lines = [tuple(line.values()) for line in ledger.history()]
    assert list(ledger.history()[0]) == ["round", "order", "id", "label", "score", "gain"]
    assert lines == [
        (0, 0, "a", None, 0.5, 0.4),
        (0, 1, "b", 2, 0.3, 0.1),
        (0, 2, "c", None, 0.2, 0.0),
        (None, 3, "v", 9, None, None),
        (1, 4, "a", None, 0.9, 0.8),
    ]
