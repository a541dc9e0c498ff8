"""A file that is not a sound ledger gets one sentence and is not touched."""

import os
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayesal.loop import Ledger
from bayesal.loop.schema import APPLICATION_ID
from tests.loop.processes import end, open_and_die_before, start, tell_and_die, tell_until_no_file_may_grow

LABELS = {key: f"label {key}" for key in range(300)}


@pytest.fixture
def ledger_file(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(path) as ledger:
        for key in LABELS:
            if key % 30 == 0:
                ledger.tell({key + i: f"label {key + i}" for i in range(30)})
    assert path.stat().st_size >= 9 * 4096
    return path


def _refused(path: Path, sentence: str, error: type[Exception] = ValueError, **settings: bool) -> None:
    before = {file: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}
    with pytest.raises(error, match=sentence) as raised:
        Ledger.open(path, **settings)
    assert "\n" not in str(raised.value)
    assert {file: file.read_bytes() for file in before} == before


def test_the_pragmas_are_the_durable_ones(tmp_path):
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        values = {
            name: ledger._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in (
                "journal_mode",
                "synchronous",
                "foreign_keys",
                "busy_timeout",
                "application_id",
                "user_version",
            )
        }
    assert values == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 10_000,
        "application_id": APPLICATION_ID,
        "user_version": 1,
    }


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(os.urandom(20_000))
    _refused(path, "is not a SQLite database .*not touched")


def test_a_short_text_file_is_refused(tmp_path):
    path = tmp_path / "ledger.sqlite"
    path.write_text("id,label\n1,2\n")
    _refused(path, "is not a SQLite database .*not touched")


def test_a_database_of_something_else_is_refused(tmp_path):
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE songs (name)")
        other.commit()
    _refused(path, "not a bayesal ledger; it was not touched")


def test_a_ledger_of_another_schema_is_refused(ledger_file):
    with closing(sqlite3.connect(ledger_file)) as other:
        other.execute("PRAGMA user_version = 99")
        other.commit()
    _refused(ledger_file, "has schema 99, this bayesal reads 1; it was not touched")


@pytest.mark.parametrize("pages", [1, 2, 5, 8])
def test_a_truncated_ledger_is_refused(ledger_file, pages):
    os.truncate(ledger_file, pages * 4096)
    _refused(ledger_file, "damaged")


def test_a_ledger_cut_inside_a_page_is_refused(ledger_file):
    os.truncate(ledger_file, ledger_file.stat().st_size - 1000)
    _refused(ledger_file, "damaged")


def test_a_ledger_emptied_since_it_was_opened_is_refused(ledger_file):
    os.truncate(ledger_file, 0)
    _refused(ledger_file, "is empty or missing, but its study has been opened before", create=False)
    ledger_file.unlink()
    _refused(ledger_file, "is empty or missing, but its study has been opened before", create=False)


def test_a_log_without_its_database_is_refused(ledger_file):
    with Ledger.open(ledger_file) as ledger:
        ledger.tell({1: "new"})
        shutil.copy(f"{ledger_file}-wal", ledger_file.parent / "kept")
    ledger_file.unlink()
    shutil.move(ledger_file.parent / "kept", f"{ledger_file}-wal")
    _refused(ledger_file, "is gone but its log ledger.sqlite-wal is not; neither was touched")


def test_a_folder_in_its_place_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is a folder; give the path of a file"):
        Ledger.open(tmp_path)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(PermissionError, match="cannot be opened for writing"):
        Ledger.open(tmp_path / "nowhere" / "ledger.sqlite")


def _overwrite(path: Path, at: int, content: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(content)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.integers(0, 119) | st.integers(0, 9 * 4096 - 1), content=st.binary(min_size=1, max_size=600))
def test_random_bytes_anywhere_lose_no_label_in_silence(ledger_file, tmp_path_factory, where, content):
    path = tmp_path_factory.mktemp("damaged") / "ledger.sqlite"
    shutil.copy(ledger_file, path)
    _overwrite(path, where, content)
    before = path.read_bytes()
    labels, refusal = None, None
    try:
        with Ledger.open(path) as ledger:
            labels = ledger.standing().labels
    except ValueError as error:
        refusal = str(error)
    if refusal is None:  # the bytes fell where nothing is stored, or were the same
        assert labels == LABELS
    else:
        assert str(path) in refusal
        assert path.read_bytes() == before


def test_one_changed_letter_of_one_label_is_noticed(ledger_file):
    content = ledger_file.read_bytes()
    at = content.index(b'"label 123"')
    _overwrite(ledger_file, at, b'"label 124"')
    _refused(ledger_file, r"is damaged .*\(event 5 is not as it was written\); it was not touched")


def test_one_changed_letter_of_an_id_is_noticed_in_the_table_and_in_each_index(tmp_path):
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(path) as ledger:
        ledger.tell({"needle": 1})
    sound = path.read_bytes()
    places = [match.start() for match in re.finditer(b"needle", sound)]
    assert len(places) == 3
    for place in places:
        path.write_bytes(sound)
        _overwrite(path, place, b"N")
        _refused(path, "is damaged .* was not touched")


def test_a_process_that_dies_with_the_ledger_open_loses_nothing(ledger_file):
    assert end(start(tell_and_die, ledger_file, {1: "last words"})) == -9
    assert Path(f"{ledger_file}-wal").stat().st_size > 0
    with Ledger.open(ledger_file, create=False) as ledger:
        assert ledger.standing().labels == {**LABELS, 1: "last words"}


@pytest.mark.parametrize(
    "moment", ["CREATE UNIQUE INDEX one_fit", "CREATE VIEW label", "COMMIT", "PRAGMA journal_mode"]
)
def test_a_process_that_dies_while_making_the_ledger_leaves_it_to_the_next(tmp_path, moment):
    path = tmp_path / "ledger.sqlite"
    assert end(start(open_and_die_before, path, moment)) == -9
    with Ledger.open(path) as ledger:
        ledger.tell({1: 2})
        assert ledger.standing().labels == {1: 2}


def _wide(ledger: Ledger) -> None:
    ledger.tell(dict.fromkeys(range(500), "x" * 200))


def test_a_full_database_gets_one_sentence_and_keeps_every_acknowledged_label(ledger_file):
    with Ledger.open(ledger_file) as ledger:
        pages = ledger._connection.execute("PRAGMA page_count").fetchone()[0]
        ledger._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(
            OSError, match=r"could not be written \(database or disk is full\): this call was not recorded"
        ):
            _wide(ledger)
        assert ledger.standing().labels == LABELS
        ledger._connection.execute(f"PRAGMA max_page_count = {pages + 1000}")
        _wide(ledger)
        assert ledger.standing().labels == {**LABELS, **dict.fromkeys(range(500), "x" * 200)}


def test_a_file_system_that_takes_no_more_gets_one_sentence_and_keeps_every_acknowledged_label(ledger_file):
    report = ledger_file.parent / "report"
    assert end(start(tell_until_no_file_may_grow, ledger_file, 60_000, report)) == -9
    sentence, told, known = report.read_text().splitlines()
    assert "could not be written" in sentence
    assert "make room on the disk and call again" in sentence
    assert int(known) == int(told) > 0
    with Ledger.open(ledger_file, create=False) as ledger:
        assert ledger.standing().labels == {**LABELS, **{f"new {i}": "y" * 100 for i in range(int(told))}}
        assert ledger.tell({"after": 1})


def test_a_ledger_kept_busy_by_another_process_says_so(ledger_file, monkeypatch):
    monkeypatch.setattr("bayesal.loop.database.BUSY_SECONDS", 0.1)
    with Ledger.open(ledger_file) as ledger, closing(sqlite3.connect(ledger_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(
            TimeoutError, match=r"another process kept the ledger .* busy .*: this call was not recorded"
        ):
            ledger.tell({1: 2})
        other.execute("ROLLBACK")
        assert ledger.tell({1: 2})
