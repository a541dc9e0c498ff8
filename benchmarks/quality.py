"""What each posterior of classes is worth under one budget of labels: ``python -m benchmarks.quality [--smoke]``.

Every posterior learns from the same labelled points of a seed, by the learner that ``bayesal run --posterior NAME``
uses, and is measured on the test points (accuracy, negative log-likelihood, expected calibration error with 15 bins)
and on points of another data set, scaled as its own are: the AUROC of telling them apart by the entropy of the averaged
prediction, and by the mutual information (BALD). One process a posterior and seed; what is in ``--out`` already is not
run again. Intervals are Student's over the seeds, 95 %.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bayesal.acquisitions import bald, entropy
from bayesal.bench.config import SettledConfig, configure
from bayesal.bench.evaluation import calibration_error, class_metrics, ood_auroc
from bayesal.bench.learners import learner_for
from bayesal.bench.posteriors import POSTERIORS
from bayesal.bench.protocol import settle
from bayesal.bench.statistics import interval_of
from bayesal.bench.tasks import Task, load_data, make_task
from bayesal.data.datasets import load
from bayesal.data.idx import NORMALISATION
from bayesal.data.pool import Pool
from bayesal.data.sources import source_of
from bayesal.loop.streams import stream
from bayesal.types import Inputs, Posterior

METRICS = ("accuracy", "nll", "ece", "auroc_entropy", "auroc_bald", "seconds_learn", "seconds_predict")
CLASSES = [row.name for row in POSTERIORS if row.tasks == "any" or "classification" in row.tasks]
NUM_HYPOTHESES = 50
CHUNK = 500


def settings(data: str, labels: int, test: int, validation: int, smoke: bool) -> SettledConfig:
    wanted = {"data": data, "initial": labels, "budget": labels, "validation": validation, "test_size": test}
    if smoke:
        wanted |= {"training": {"epochs": 2, "epoch_size": 128}}
    config = configure({**wanted, "methods": ["random"], "baseline": None})
    return settle(config, load_data(config, 0))


def strangers(data: str, outside: str, count: int) -> Tensor:
    """Test points of another data set, scaled as the first one's are."""
    there = load(outside)
    points = source_of(there.test_inputs if there.test_inputs is not None else there.inputs)[0]
    chosen = points.gather(np.arange(min(count, len(points))))
    assert isinstance(chosen, Tensor)
    (mean, sd), (own_mean, own_sd) = NORMALISATION.get(outside, (0.0, 1.0)), NORMALISATION.get(data, (0.0, 1.0))
    return (chosen * sd + mean - own_mean) / own_sd


def noise_like(points: Tensor) -> Tensor:
    """For want of another data set: the same points with their pixels shuffled."""
    order = torch.randperm(points[0].numel(), generator=torch.Generator().manual_seed(0))
    return points.flatten(1)[:, order].reshape(points.shape)


def one(posterior: str, seed: int, config: SettledConfig, outside: str | None, count: int) -> dict[str, float]:
    """Learn and measure."""
    task = make_task(config, seed)
    learner = learner_for(posterior, task.data, config.training, validation=task.validation)
    start = time.perf_counter()
    belief = learner(task.pool, stream(seed, 0, "learn"))
    learned = time.perf_counter() - start
    return {**measured(belief, task, seed, outside, count), "seconds_learn": learned}


def measured(belief: Posterior, task: Task, seed: int, outside: str | None, count: int) -> dict[str, float]:
    """What a belief says of the test points, and of ``count`` strange points against as many of the test points."""
    hypotheses = belief.draw(NUM_HYPOTHESES, generator=stream(seed, 0, "evaluate"))

    @torch.no_grad()
    def look(inputs: Inputs) -> Tensor:
        predictions = hypotheses(inputs)
        means = predictions.logits.double().logsumexp(1) - np.log(predictions.logits.shape[1])
        return torch.cat([means, entropy(predictions)[:, None], bald(predictions)[:, None]], 1)

    start = time.perf_counter()
    test = Pool.of(task.test.inputs, chunk_size=CHUNK, progress=False).scan(look)
    predicted = time.perf_counter() - start
    points = source_of(task.test.inputs)[0].gather(np.arange(min(count, len(task.test))))
    assert isinstance(points, Tensor)
    strange = strangers(task.data.name, outside, count) if outside else noise_like(points)
    others = Pool.of(strange, chunk_size=CHUNK, progress=False).scan(look)
    log_probs = test[:, :-2]
    return {
        **class_metrics(log_probs, task.test.labels),
        "ece": calibration_error(log_probs, task.test.labels),
        "auroc_entropy": ood_auroc(test[:, -2], others[:, -2]),
        "auroc_bald": ood_auroc(test[:, -1], others[:, -1]),
        "seconds_predict": predicted,
    }


def table(found: dict[str, dict[int, dict[str, float]]]) -> str:
    """Mean and half-width of the interval over seeds, a row a posterior."""
    lines = ["| posterior | seeds | " + " | ".join(METRICS) + " |", "|---" * (len(METRICS) + 2) + "|"]
    for name, runs in found.items():
        cells = []
        for metric in METRICS:
            mean, low, *_ = interval_of(np.array([run[metric] for run in runs.values()]))
            width = "" if low is None else f" ± {mean - low:.3f}"
            cells.append(f"{mean:.1f}" if metric.startswith("seconds") else f"{mean:.3f}{width}")
        lines.append(f"| `{name}` | {len(runs)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def collect(out: Path, names: Sequence[str]) -> dict[str, dict[int, dict[str, float]]]:
    found: dict[str, dict[int, dict[str, float]]] = {}
    for name in names:
        files = sorted(out.glob(f"{name}.seed-*.json"), key=lambda path: int(path.stem.rpartition("-")[2]))
        if files:
            found[name] = {int(f.stem.rpartition("-")[2]): json.loads(f.read_text()) for f in files}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="digits, few labels, two epochs: to see that it runs")
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--outside", default="mnist", help="data set of strange points; 'shuffled' for shuffled pixels")
    parser.add_argument("--labels", type=int, default=1000)
    parser.add_argument("--validation", type=int, default=256)
    parser.add_argument("--test", type=int, default=5000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=CLASSES, metavar="POSTERIOR")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="a folder for results; a later call goes on there")
    parser.add_argument("--one", nargs=2, metavar=("POSTERIOR", "SEED"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.smoke:
        given.data, given.outside, given.labels, given.test = "digits", "shuffled", 40, 100
        given.validation, given.seeds, given.only = 0, 1, given.only[:3]
    outside = None if given.outside == "shuffled" else given.outside
    if given.one:
        torch.set_num_threads(1)
        config = settings(given.data, given.labels, given.test, given.validation, given.smoke)
        name, seed = given.one
        measured = one(name, int(seed), config, outside, given.test)
        (given.out / f"{name}.seed-{seed}.json").write_text(json.dumps(measured))
        return
    with tempfile.TemporaryDirectory() as temporary:
        out = given.out or Path(temporary)
        out.mkdir(parents=True, exist_ok=True)
        arguments = ["--data", given.data, "--outside", given.outside, "--out", str(out)]
        arguments += ["--labels", str(given.labels), "--validation", str(given.validation), "--test", str(given.test)]
        arguments += ["--smoke"] * given.smoke

        def run(job: tuple[int, str]) -> None:
            seed, name = job
            if (out / f"{name}.seed-{seed}.json").exists():
                return
            line = [sys.executable, "-m", "benchmarks.quality", *arguments, "--one", name, str(seed)]
            done = subprocess.run(line, capture_output=True, text=True)
            last = done.stderr.strip().splitlines()[-1:] if done.returncode else ["done"]
            print(f"{name}, seed {seed}: {last[0] if last else 'failed'}", flush=True)

        with ThreadPoolExecutor(given.workers) as workers:
            list(workers.map(run, [(seed, name) for seed in range(given.seeds) for name in given.only]))
        print(f"\n{given.data}, {given.labels} labels, {given.test} test points; strange points: {given.outside}\n")
        print(table(collect(out, given.only)))


if __name__ == "__main__":
    main()
