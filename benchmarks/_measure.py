"""Seconds, added memory and growth, as every benchmark states them."""

import gc
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import psutil

Result = TypeVar("Result")


@dataclass(frozen=True)
class Measured(Generic[Result]):
    """What a call returned, how long it took, and by how much the process grew at its largest."""

    result: Result
    seconds: float
    added_mib: float

    def __str__(self) -> str:
        return f"{self.seconds:9.3f} s  +{self.added_mib:7.1f} MiB"


def measure(call: Callable[[], Result], *, repeats: int = 1) -> Measured[Result]:
    """The median of ``repeats`` calls' seconds, and the largest growth of the resident set seen every 2 ms."""
    seconds, added, results = [], [], []
    for _ in range(repeats):
        gc.collect()
        with _Watch() as watch:
            start = time.perf_counter()
            results[:] = [call()]
            seconds.append(time.perf_counter() - start)
        added.append(watch.added_mib)
    return Measured(results[0], sorted(seconds)[len(seconds) // 2], max(added))


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The slope of ln cost over ln size: 1 is linear growth."""
    x, y = [math.log(size) for size in sizes], [math.log(max(cost, 1e-9)) for cost in costs]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / sum((a - mean_x) ** 2 for a in x)


class _Watch:
    """Looks at the size of this process every 2 ms, from a thread of its own."""

    def __enter__(self) -> "_Watch":
        self._process = psutil.Process()
        self._before = self._largest = self._process.memory_info().rss
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def _look(self) -> None:
        while not self._done.wait(0.002):
            self._largest = max(self._largest, self._process.memory_info().rss)

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._largest = max(self._largest, self._process.memory_info().rss)

    @property
    def added_mib(self) -> float:
        return (self._largest - self._before) / 2**20
