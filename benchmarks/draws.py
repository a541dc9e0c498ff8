"""What drawing costs: 100 hypotheses at 10,000 points, for every posterior: ``python -m benchmarks.draws [--smoke]``.

Posteriors of classes look at random 28 x 28 images, those of amounts at random rows of ten columns; each is fitted, for
two epochs, by the learner of ``bayesal run --posterior NAME``, in a process of its own with one thread. Timed are the
draw and the averaged predictions of all points in chunks of ``Pool.scan``; the memory is what that added at its peak.
"one forward" is the default network's (a posterior of amounts: the default MLP's) own pass over the same points: the
floor of anything that asks one network once. Finite posteriors have fewer than 100 hypotheses.
"""

import argparse
import subprocess
import sys
import time

import numpy as np
import torch
from torch import Tensor

from bayesal.bench.config import SettledTraining
from bayesal.bench.defaults import network_for
from bayesal.bench.learners import learner_for
from bayesal.bench.posteriors import POSTERIORS
from bayesal.data.dataset import DataSet
from bayesal.data.pool import Pool
from bayesal.types import Inputs
from benchmarks._compare import added_peak

TRAINING = SettledTraining(epochs=2, epoch_size=256, batch_size=64, learning_rate=1e-3, weight_decay=1e-4, patience=3)
LABELS = 200
NUM_HYPOTHESES = 100
THREADS = 1
REPEATS = 3
LONG = 5.0  # processor seconds: what takes longer is timed once


def data_for(tasks: str, n: int) -> DataSet:
    generator = torch.Generator().manual_seed(0)
    if tasks == "any" or "classification" in tasks:
        images, names = torch.randn(n, 1, 28, 28, generator=generator), tuple("0123456789")
        return DataSet(
            "images", images, torch.arange(n) % 10, "classification", np.arange(n), class_names=names, image=True
        )
    rows = torch.randn(n, 10, generator=generator)
    return DataSet("rows", rows, rows[:, 0].sin() + rows[:, 1], "regression", np.arange(n))


@torch.no_grad()
def one(name: str, count: int) -> str:
    """A row of the table."""
    row = next(row for row in POSTERIORS if row.name == name)
    data = data_for(row.tasks, count)
    assert data.labels is not None
    known = dict(zip(range(LABELS), data.labels.tolist(), strict=False))
    pool = Pool.of(data.inputs, labels=known, progress=False)
    network = network_for(data)().eval()
    with torch.enable_grad():
        belief = learner_for(name, data, TRAINING)(pool, torch.Generator().manual_seed(0))
    functions = 0

    def predict() -> Tensor:
        hypotheses = belief.draw(NUM_HYPOTHESES, generator=torch.Generator().manual_seed(1))

        def look(inputs: Inputs) -> Tensor:
            nonlocal functions
            predictions = hypotheses(inputs)
            functions = predictions.batch_shape[1]
            return predictions.mean.mean(1) if data.kind == "regression" else predictions.probs.mean(1)

        return pool.scan(look)

    def seconds(job) -> float:
        times = []
        while len(times) < REPEATS and sum(times) < LONG:
            start = time.process_time()
            job()
            times.append(time.process_time() - start)
        return sorted(times)[len(times) // 2]

    added = added_peak(predict)
    forward, drawn = seconds(lambda: pool.scan(network)), seconds(predict)
    ratio = drawn / forward
    return (
        f"| `{name}` | {'rows' if data.kind == 'regression' else 'images'} | {functions} | {drawn:.2f} | {added:.0f} "
        f"| {forward:.3f} | {ratio:.1f} | {ratio / functions:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="500 points and three posteriors, to see that it runs")
    parser.add_argument("--only", nargs="*", metavar="POSTERIOR", default=[row.name for row in POSTERIORS])
    parser.add_argument("--one", metavar="POSTERIOR", help=argparse.SUPPRESS)
    given = parser.parse_args()
    count = 500 if given.smoke else 10_000
    if given.one:
        torch.set_num_threads(THREADS)
        print(one(given.one, count))
        return
    print(f"{count:,} points, up to {NUM_HYPOTHESES} hypotheses; processor seconds, {THREADS} thread\n")
    print("| posterior | points | hypotheses | s | added MiB | one forward, s | x one forward | a hypothesis |")
    print("|---" * 8 + "|", flush=True)
    for name in given.only[:3] if given.smoke else given.only:
        line = [sys.executable, "-m", "benchmarks.draws", "--one", name, *["--smoke"] * given.smoke]
        done = subprocess.run(line, capture_output=True, text=True)
        failed = f"| `{name}` | {(done.stderr.strip().splitlines() or ['failed'])[-1]} |"
        print(done.stdout.strip() or failed, flush=True)


if __name__ == "__main__":
    main()
