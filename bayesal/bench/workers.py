"""Jobs in worker processes: the same results however many there are, and none left behind when the run ends."""

import multiprocessing
import os
import queue
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread, current_thread, main_thread
from typing import Any, TypeVar

import torch

Job = TypeVar("Job")
Report = Callable[[Any], None]
"""How a job tells the run what it has done so far."""

_tell: Report = print
LISTEN_SECONDS = 0.2


def run_jobs(
    work: Callable[[Job, Report], None], jobs: Sequence[Job], report: Report, *, workers: int, threads: int
) -> None:
    """``work(job, report)`` for every job, ``workers`` at a time, each on ``threads`` torch threads.

    One worker works in this process; more are started afresh (``spawn``), so that nothing of this process leaks into
    the results. Whatever a job reports arrives here, in this process. The first error of a job ends the run and is
    raised here. If this process ends or is interrupted, its workers end at once: jobs must be able to continue.
    """
    if not jobs:
        return
    if workers == 1 or len(jobs) == 1:
        with on_threads(threads):
            for job in jobs:
                work(job, report)
        return
    context = multiprocessing.get_context("spawn")
    lifeline, held = context.Pipe(duplex=False)  # closed when this process ends, whatever ends it
    news = context.Queue()
    pool = ProcessPoolExecutor(
        min(workers, len(jobs)), mp_context=context, initializer=_start, initargs=(lifeline, news, threads)
    )
    try:
        with _interrupts_ignored():  # inherited by the workers: an interrupt is for this process to handle
            pending = {pool.submit(_work, work, job) for job in jobs}
        while pending:
            for message in _heard(news):
                report(message)
            done = {future for future in pending if future.done()}
            pending -= done
            _raise_first_error(done)
        pool.shutdown()
        for message in _heard(news):
            report(message)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        held.close()
        lifeline.close()
        news.close()


def _raise_first_error(done: set[Future[None]]) -> None:
    for future in done:
        try:
            future.result()
        except BrokenProcessPool as error:
            raise RuntimeError(
                "a worker process ended before its study did (was it killed, or is memory short?); "
                "the same command continues where it stopped"
            ) from error


def _heard(news: Any) -> Iterator[Any]:
    """What has been reported, waiting a moment for the first."""
    try:
        yield news.get(timeout=LISTEN_SECONDS)
        while True:
            yield news.get_nowait()
    except queue.Empty:
        return


def _start(lifeline: Connection, news: Any, threads: int) -> None:
    global _tell
    _tell = news.put
    torch.set_num_threads(threads)
    Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection) -> None:
    """Nothing is ever sent: the pipe becomes readable when the run that holds the other end is over."""
    lifeline.poll(None)
    os._exit(1)


def _work(work: Callable[[Job, Report], None], job: Job) -> None:
    work(job, _tell)


def forget_peak_memory() -> None:
    """Measure the peak of this process's memory from now on, where the system lets one (Linux): a worker does several
    jobs, and the peak of one is not that of the next."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


@contextmanager
def on_threads(threads: int) -> Iterator[None]:
    """Torch works on so many threads inside, and on as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    if current_thread() is not main_thread():  # only the main thread may set signals
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
