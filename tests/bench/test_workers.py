"""Jobs in worker processes: every job is done once, what they report arrives, and none outlives the run."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch

from bayesal.bench.workers import forget_peak_memory, run_jobs
from bayesal.loop.rounds import peak_memory_mib


def tell_threads(job: str, report) -> None:
    report((job, torch.get_num_threads(), os.getpid()))


def fail_on_b(job: str, report) -> None:
    if job == "b":
        raise ValueError("b cannot be done")


def die(job: str, report) -> None:
    os._exit(9)


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_is_done_once_and_reports_here(workers: int):
    heard = []
    run_jobs(tell_threads, ["a", "b", "c"], heard.append, workers=workers, threads=1)
    assert sorted(job for job, _, _ in heard) == ["a", "b", "c"]
    assert {threads for _, threads, _ in heard} == {1}
    assert len({pid for _, _, pid in heard}) <= workers
    assert (os.getpid() in {pid for _, _, pid in heard}) == (workers == 1)


def test_no_jobs_are_no_work():
    run_jobs(fail_on_b, [], print, workers=2, threads=1)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_error_of_a_job_is_raised_here(workers: int):
    with pytest.raises(ValueError, match="b cannot be done"):
        run_jobs(fail_on_b, ["a", "b", "c"], print, workers=workers, threads=1)


def test_a_killed_worker_is_told_in_a_sentence():
    with pytest.raises(RuntimeError, match="a worker process ended before its study did"):
        run_jobs(die, ["a", "b"], print, workers=2, threads=1)


def test_threads_are_as_before_afterwards():
    before = torch.get_num_threads()
    run_jobs(tell_threads, ["a"], print, workers=1, threads=before + 1)
    assert torch.get_num_threads() == before


def test_the_peak_of_one_job_is_not_that_of_the_next():
    ballast = bytearray(os.urandom(1 << 20) * 256)
    high = peak_memory_mib()
    del ballast
    forget_peak_memory()
    low = peak_memory_mib()
    assert high is not None
    assert low is not None
    assert low < high - 200 if sys.platform == "linux" else low >= high


SLEEPERS = """
import time

from bayesal.bench.workers import forget_peak_memory, run_jobs
from bayesal.loop.rounds import peak_memory_mib

def sleep(job, report):
    report("working")
    time.sleep(600)

if __name__ == "__main__":
    run_jobs(sleep, ["a", "b"], lambda said: print(said, flush=True), workers=2, threads=1)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_the_run(tmp_path: Path, how: signal.Signals):
    script = tmp_path / "sleepers.py"
    script.write_text(SLEEPERS)
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as run:
        assert run.stdout is not None
        assert [run.stdout.readline().strip() for _ in range(2)] == ["working", "working"]
        family = psutil.Process(run.pid).children(recursive=True)
        assert len(family) >= 2
        run.send_signal(how)
        run.wait(timeout=30)
    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []
