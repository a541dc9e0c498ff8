"""Comparing jobs that do the same: peers where installed, interleaved timing, the kernel's own peak of memory."""

import contextlib
import ctypes
import gc
import importlib
import io
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

import psutil

from benchmarks._measure import measure

Job = Callable[[], Any]
MIB = 2**20


@cache
def peer(module: str) -> ModuleType | None:
    """A peer's module, or None where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        print(f"{module}: not installed ({error}); pip install 'bayesal[benchmark]'", flush=True)
        return None


def quietly(job: Job) -> Job:
    """The job without its progress bars."""

    def quiet() -> Any:
        with contextlib.redirect_stderr(io.StringIO()):
            return job()

    return quiet


def seconds(jobs: Mapping[str, Job], repeats: int = 3) -> dict[str, float]:
    """Median seconds of each job. They take turns, so that a busy moment of the machine does not hit one alone."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(repeats):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            times[name].append(time.perf_counter() - start)
    return {name: median(values) for name, values in times.items()}


def added_peak(job: Job) -> float:
    """MiB of resident memory that the job needed at its worst moment beyond what was there before."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # not glibc: its allocator decides
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # else memory freed by the job before would hide this job's
    before = psutil.Process().memory_info().rss
    try:
        Path("/proc/self/clear_refs").write_text("5")  # Linux: start the kernel's own record of the peak anew
    except OSError:
        return measure(job).added_mib
    job()
    peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
    return max(0, peak - before) / MIB
