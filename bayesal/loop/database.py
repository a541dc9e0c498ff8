"""A SQLite file that is a ledger: opened carefully, written durably, its failures said in a sentence."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bayesal.loop.events import AlteredEvent, read_events
from bayesal.loop.files import sync_folder
from bayesal.loop.schema import APPLICATION_ID, SCHEMA, TABLES, TRIGGERS, VIEWS

BUSY_SECONDS = 10.0
# A crash while the file was being created leaves a journal that only a writer may roll back; a writer then looks again.
_NEEDS_WRITER = {"SQLITE_READONLY_ROLLBACK", "SQLITE_READONLY_RECOVERY", "SQLITE_READONLY_CANTINIT"}


def open_database(path: Path, *, create: bool) -> sqlite3.Connection:
    """The ledger at ``path``, made if there is none and ``create``. A file that is not a sound ledger is not touched.

    The file is never read but through SQLite: closing any other handle of it would drop this process's locks.
    Raises ValueError for a file that is something else, damaged or of another schema, and OSError where the disk
    refuses.
    """
    with in_a_sentence(path):
        size = _size(path)
        if size == 0 and not create:
            raise ValueError(
                f"the ledger {path} is empty or missing, but its study has been opened before; "
                "nothing was touched: restore the file from a copy, or open the study in another folder"
            )
        examined = size == 0 or _examine(path)
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA fullfsync = ON")  # on macOS an fsync alone stops at the drive's cache
            _create_once(connection, path)
            if not examined:
                _check(connection, path)
            _log_ahead(connection, path)
            sync_folder(path.parent)
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path, kind: str = "IMMEDIATE") -> Iterator[None]:
    """All or nothing; what was written is on the disk when this ends without an error."""
    with in_a_sentence(path):
        connection.execute(f"BEGIN {kind}")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # SQLite may have rolled back already
                connection.execute("ROLLBACK")
            raise


@contextmanager
def in_a_sentence(path: Path) -> Iterator[None]:
    """SQLite's errors as one sentence: what happened, what it means for the labels, what to do."""
    try:
        yield
    except sqlite3.ProgrammingError as error:
        raise ValueError(
            f"the ledger {path} is closed or belongs to another thread ({error}); open it again"
        ) from error
    except (sqlite3.Error, UnicodeDecodeError) as error:  # text that is not UTF-8 surfaces as either, without a code
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise OSError(
                f"the ledger {path} could not be written ({error}): this call was not recorded, all told before "
                "it is safe; make room on the disk and call again"
            ) from error
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise TimeoutError(
                f"another process kept the ledger {path} busy for {BUSY_SECONDS:.0f} s: this call was not recorded; "
                "call again"
            ) from error
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise _damaged(path, str(error)) from error
        if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
            raise PermissionError(
                f"the ledger {path} cannot be opened for writing ({error}); check the path and its rights"
            ) from error
        raise


def _size(path: Path) -> int:
    if path.is_dir():
        raise ValueError(f"the ledger {path} is a folder; give the path of a file")
    size = path.stat().st_size if path.exists() else 0
    log = path.with_name(path.name + "-wal")
    if size == 0 and log.exists() and log.stat().st_size > 0:  # SQLite would delete the log of an empty database
        raise ValueError(
            f"the ledger {path} is gone but its log {log.name} is not; neither was touched: restore it from a copy"
        )
    return size


def _examine(path: Path) -> bool:
    """Look without being able to write; False if only a writer can look."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", timeout=BUSY_SECONDS, uri=True)) as connection:
        try:
            _check(connection, path)
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorname", "") in _NEEDS_WRITER:
                return False
            if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_ERROR:  # a header SQLite cannot make sense of
                raise _damaged(path, str(error)) from error
            raise
    return True


def _check(connection: sqlite3.Connection, path: Path) -> None:
    _refuse_others(connection, path)
    problem = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if problem == "ok":
        try:
            for _ in read_events(connection):
                pass
        except AlteredEvent as error:
            problem = str(error)
    if problem != "ok":
        raise _damaged(path, problem)


def _damaged(path: Path, problem: str) -> ValueError:
    problem = " ".join(problem.split())  # SQLite says it in several lines
    return ValueError(
        f"the ledger {path} is damaged or is not a SQLite database ({problem}); it was not touched: "
        "restore it from a copy, or open the study in another folder"
    )


def _refuse_others(connection: sqlite3.Connection, path: Path) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    schema = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION_ID:
        raise ValueError(
            f"{path} is a SQLite database but not a bayesal ledger; it was not touched: choose another path"
        )
    if schema != SCHEMA:
        raise ValueError(
            f"the ledger {path} has schema {schema}, this bayesal reads {SCHEMA}; it was not touched: "
            "open it with the bayesal that wrote it"
        )
    with closing(sqlite3.connect(":memory:")) as sound:
        _create(sound)
        if _definitions(connection) != _definitions(sound):
            raise _damaged(path, "its tables, triggers or views are not as they were made")


def _create(connection: sqlite3.Connection) -> None:
    for statement in _statements(TABLES + TRIGGERS + VIEWS):
        connection.execute(statement)


def _definitions(connection: sqlite3.Connection) -> list[tuple[str, str, str | None]]:
    return connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()


def _create_once(connection: sqlite3.Connection, path: Path) -> None:
    """One transaction, so that a file is either no ledger yet or a whole one, whoever is killed or comes second."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA}")
            _create(connection)
        _refuse_others(connection, path)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _log_ahead(connection: sqlite3.Connection, path: Path) -> None:
    """Write-ahead logging, so that readers never block the writer. Switching to it does not wait by itself."""
    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.02)
            continue
        if mode == "wal":
            return
        raise ValueError(
            f"the ledger {path} is on a file system where SQLite cannot log ahead ({mode}); use a local disk"
        )


def _statements(script: str) -> Iterator[str]:
    """``executescript`` would commit first; this cuts a script so that it can run inside a transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
