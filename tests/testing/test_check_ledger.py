"""A sound ledger passes; an altered, truncated or unprotected one is caught."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bayesal.loop.ledger import Ledger
from bayesal.testing import LawBroken, check_ledger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "ledger.sqlite"
    with Ledger.open(file) as ledger:
        ledger.asked([("a", 0.5, 0.5), ("b", 0.4, 0.4), ("c", 0.3, 0.3), (7, 0.2, 0.2)], round=0, known="x")
        ledger.tell({"a": 1, "b": 2}, by="ann")
        ledger.tell({"a": 3}, by="bob")
        ledger.skip(["c"], by="ann")
        ledger.tell({"7": [1.5, 2.5]}, by="ann")
        ledger.retract(["b"], by="ann")
        ledger.retract(["a"], by="bob", annotator="bob")
        ledger.asked([("b", 0.1, 0.1)], round=1, known="y")
    return file


def test_a_sound_ledger_keeps_every_law(path: Path) -> None:
    findings = check_ledger(path)
    assert {f.law for f in findings} == {"opens", "whole", "append-only", "one UUID an event", "replay"}
    assert "2 current labels" in findings[-1].sentence


def test_a_study_folder_will_do(path: Path) -> None:
    assert check_ledger(path.parent) == check_ledger(path)


def test_a_missing_ledger_is_said_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(LawBroken, match="cannot be opened"):
        check_ledger(tmp_path / "none.sqlite")
    assert not (tmp_path / "none.sqlite").exists()


def _alter(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_changed_label_breaks_the_chain(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        trigger = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'item_update'").fetchone()[0]
    _alter(path, "DROP TRIGGER item_update", "UPDATE item SET value = '9' WHERE id = '\"7\"'", trigger)
    with pytest.raises(LawBroken, match="not as it was written"):
        check_ledger(path)


def test_a_ledger_without_its_triggers_is_caught(path: Path) -> None:
    _alter(path, "DROP TRIGGER event_delete")
    with pytest.raises(LawBroken):
        check_ledger(path)


def test_a_truncated_file_is_caught(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(LawBroken, match="cannot be opened"):
        check_ledger(path)
