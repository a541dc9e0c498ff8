"""A pool of 200,000 x 512: how large the process gets with each rule over features, the rows and Python included."""

import multiprocessing
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor

from bayesal.selection import LCMD, Bait, FrankWolfe, KCenter, KMeansPlusPlus, MaxDet, MaxDiag, grow
from benchmarks._compare import MIB
from benchmarks._kernels.inputs import pool_and_given
from benchmarks._kernels.variance import NOISE
from benchmarks._subjects.compare import shown
from benchmarks._subjects.subject import Size

MOST = 3 * 1024  # MiB
SIZE = {"N": 200_000, "D": 512, "L": 256, "B": 64, "bits": 32}
SMALL = {"N": 2_000, "D": 16, "L": 20, "B": 8, "bits": 32}
RULES: Mapping[str, Callable[[], Any]] = {
    "max-diag": MaxDiag,
    "max-det": lambda: MaxDet(NOISE),
    "bait": lambda: Bait(NOISE, over_selection=1),
    "bait-backward": lambda: Bait(NOISE),
    "frank-wolfe": FrankWolfe,
    "k-center": KCenter,
    "kmeans++": lambda: KMeansPlusPlus(first="uniform"),
    "lcmd": LCMD,
}
WITHOUT_GIVEN = {"max-diag", "frank-wolfe"}


def wide_pool(smoke: bool) -> None:
    """Prints a line for each rule."""
    size = SMALL if smoke else SIZE
    numbers = size["bits"] // 8 * size["D"] * (size["N"] + size["L"]) / MIB
    print(f"\n{shown(size)}: rows of {numbers:,.0f} MiB\n  {'':18}{'s':>9}{'MiB before':>12}{'MiB in all':>12}")
    fresh = None if smoke else 1  # a process of its own for each rule
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=fresh) as process:
        for name in RULES:
            seconds, before, most = process.submit(grown, name, size, torch.get_num_threads()).result()
            goal = f"  < {MOST:,} MiB {'met' if most < MOST else 'NOT met'}"
            print(f"  {name:18}{seconds:>9.2f}{before:>12.0f}{most:>12.0f}{goal}", flush=True)


def grown(name: str, size: Size, threads: int) -> tuple[float, float, float]:
    """Seconds of one run on the CPU, the largest MiB of this process before it, and in all."""
    torch.set_num_threads(threads)
    rows, given = pool_and_given(size, torch.device("cpu"))
    before, start = largest(), time.perf_counter()
    run(RULES[name](), rows, None if name in WITHOUT_GIVEN else given, size["B"])
    return time.perf_counter() - start, before, largest()


def run(rule: Any, rows: Tensor, given: Tensor | None, batch: int) -> None:
    with torch.no_grad():
        grow(rule, rows, batch, given=given, generator=Generator().manual_seed(0))


def largest() -> float:
    """The most memory that this process ever had, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux: of this process alone, while getrusage knows its parent's too
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (MIB if sys.platform == "darwin" else 1024)
