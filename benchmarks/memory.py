"""Memory of scoring a pool far larger than it: ``python -m benchmarks.memory [--smoke]``.

BALD over 1,000,000 points x 100 hypotheses x 10 classes of stored float16 log-probabilities, read from a memory-mapped
file of 2 GB through ``Pool.scan`` in a fresh process. The goal is less than 300 MiB of added resident memory.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from bayesal.acquisitions import bald
from bayesal.data.pool import Pool
from bayesal.likelihoods import categorical
from benchmarks._compare import MIB, added_peak

K, C = 100, 10
GOAL = 300  # MiB


def write(path: Path, points: int) -> None:
    """The same 10,000 random points over and over: BALD neither knows nor cares."""
    block = torch.randn(10_000, K, C, generator=torch.Generator().manual_seed(0)).mul_(2).log_softmax(-1).half().numpy()
    file = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(points, K, C))
    for start in range(0, points, len(block)):
        file[start : start + len(block)] = block[: points - start]
    file.flush()


def score(path: Path) -> None:
    """What the fresh process does."""
    warm = torch.zeros(256, K, C)
    bald(categorical(warm))  # threads and libraries start before the measurement
    scores = torch.empty(0)

    def job() -> None:
        nonlocal scores
        pool = Pool.of(path, progress=False)
        scores = pool.scan(lambda logs: bald(categorical(logs.float())))

    start = time.perf_counter()
    added = added_peak(job)
    took = time.perf_counter() - start
    size = path.stat().st_size / MIB
    print(
        f"{len(scores):,} points from a file of {size:,.0f} MiB: {added:.0f} MiB added at the peak "
        f"(goal: below {GOAL}; {'met' if added < GOAL else 'NOT met'}), {took:.1f} s, mean BALD {scores.mean():.4f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)  # the fresh process
    arguments = parser.parse_args()
    if arguments.file:
        return score(arguments.file)
    for points in (5_000, 10_000) if arguments.smoke else (100_000, 300_000, 1_000_000):
        with tempfile.TemporaryDirectory() as folder:
            needed = points * K * C * 2 + 100 * MIB
            if shutil.disk_usage(folder).free < needed:
                print(f"{points:,} points need {needed / MIB:,.0f} MiB of disk in {folder}; left out (set TMPDIR)")
                continue
            path = Path(folder) / "predictions.npy"
            write(path, points)
            subprocess.run([sys.executable, "-m", "benchmarks.memory", "--file", str(path)], check=True)
    return None


if __name__ == "__main__":
    main()
