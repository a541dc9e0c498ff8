"""Other processes for the tests of the loop: started fast, from a server that has imported everything once."""

import multiprocessing
import os
import resource
import signal
import sqlite3
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from bayesal.loop import Ledger
from bayesal.loop.lock import only_runner
from tests.loop.toys import open_toy, truth

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.loop.toys", "tests.loop.processes"])
WAIT = 60  # seconds, on a busy machine


def start(target: Any, *arguments: Any) -> BaseProcess:
    process = CONTEXT.Process(target=target, args=arguments, daemon=True)  # a failed test leaves none behind
    process.start()
    return process


def end(process: BaseProcess) -> int | None:
    process.join(WAIT)
    return process.exitcode


def tell_and_die(path: Path, labels: dict[Any, Any]) -> None:
    Ledger.open(path).tell(labels)
    os.kill(os.getpid(), signal.SIGKILL)


def open_and_die_before(path: Path, moment: str) -> None:
    class Dying(sqlite3.Connection):
        def execute(self, statement: str, *rest: Any) -> sqlite3.Cursor:
            if moment in statement:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().execute(statement, *rest)

    connect = sqlite3.connect
    sqlite3.connect = lambda *args, **settings: connect(*args, **settings, factory=Dying)  # type: ignore[assignment]
    Ledger.open(path)


def tell_until_no_file_may_grow(path: Path, limit: int, report: Path) -> None:
    """Writes what it heard and how many labels were acknowledged, then dies with everything open."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    ledger, told = Ledger.open(path), 0
    before = len(ledger.standing().labels)
    try:
        while True:
            ledger.tell({f"new {told}": "y" * 100})
            told += 1
    except OSError as error:
        known = len(ledger.standing().labels) - before
        report.write_text(f"{error}\n{told}\n{known}")
    os.kill(os.getpid(), signal.SIGKILL)


def tell_many(path: Path, by: str, barrier: Any, count: int) -> None:
    barrier.wait(WAIT)
    with Ledger.open(path) as ledger:
        for i in range(count):
            ledger.tell({f"{by} {i}": i, "shared": by}, by=by)


def tell_same(path: Path, uuids: list[str], barrier: Any) -> None:
    barrier.wait(WAIT)
    with Ledger.open(path) as ledger:
        for i, uuid in enumerate(uuids):
            ledger.tell({i: i}, uuid=uuid)


def hold_lock(path: Path, held: Any) -> None:
    with only_runner(path):
        held.set()
        signal.pause()


def ask_and_tell(folder: Path, by: str, barrier: Any, times: int) -> None:
    """A person who asks for two points at a time and answers them."""
    with open_toy(folder) as study:
        barrier.wait(WAIT)
        for _ in range(times):
            study.tell({key: truth(key) for key in study.ask(2)}, by=by)
