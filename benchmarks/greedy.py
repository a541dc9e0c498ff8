"""Greedy ensembles against plain ones of the same size: ``python -m benchmarks.greedy [--smoke]``.

Fashion-MNIST, with MNIST as the strange points, where $BAYESAL_DATA has both; else 8 x 8 digits, strange once their
pixels are shuffled. In a seed all start from the same labels and the same first weights, so differences are paired.
"ensemble" is ``Ensemble`` as ``bayesal run --posterior ensemble`` makes it, "λ" the greedy learner with that strength
("λ 3 kl": with that divergence); λ = 0 must say what the ensemble says, to the last bit. Accuracy, negative
log-likelihood, calibration error and AUROC as in ``benchmarks.quality``; of amounts (``--data diabetes``) RMSE and
negative log-likelihood; "distance" is the mean over pairs of members
of their squared distance at the noise points. Intervals are Student's over the seeds, 95 %.
"""

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from bayesal.bench.evaluation import evaluate
from bayesal.bench.learners import learner_for
from bayesal.bench.statistics import interval_of
from bayesal.bench.tasks import make_task
from bayesal.learning import Ensemble, Greedy
from bayesal.loop.streams import stream
from bayesal.numerics.divergence import DIVERGENCES, Divergence
from bayesal.posteriors import GreedyEnsemble
from benchmarks.quality import measured, settings

METRICS = ("accuracy", "rmse", "nll", "ece", "auroc_entropy", "auroc_bald", "distance", "seconds_learn")
PLAIN = "ensemble"


class Budget(NamedTuple):
    """What every ensemble of the comparison has."""

    data: str
    outside: str | None
    labels: int
    validation: int
    test: int
    members: int
    smoke: bool


class Variant(NamedTuple):
    """The greedy learner with this strength and divergence, or the plain one (strength None)."""

    strength: float | None
    divergence: Divergence = "reverse_kl"

    def __str__(self) -> str:
        if self.strength is None:
            return PLAIN
        return f"λ {self.strength:g}" + (f" {self.divergence}" if self.divergence != "reverse_kl" else "")


def one(job: tuple[Variant, int], budget: Budget, out: Path) -> None:
    """Learn and measure, unless it is in the folder already."""
    variant, seed = job
    file = out / f"{variant}.seed-{seed}.json"
    if file.exists():
        return
    torch.set_num_threads(1)
    config = settings(budget.data, budget.labels, budget.test, budget.validation, budget.smoke)
    task = make_task(config, seed)
    name = PLAIN if variant.strength is None else "greedy-ensemble"
    learner = learner_for(name, task.data, config.training, validation=task.validation)
    assert isinstance(learner, Ensemble | Greedy)
    learner = replace(learner, num_members=budget.members)
    if isinstance(learner, Greedy) and variant.strength is not None:
        learner = replace(learner, strength=variant.strength, divergence=variant.divergence)
    start = time.perf_counter()
    belief = learner(task.pool, stream(seed, 0, "learn"))
    found = {"seconds_learn": time.perf_counter() - start}
    if isinstance(belief, GreedyEnsemble) and belief.mean_distance is not None:
        found["distance"] = belief.mean_distance
    if task.kind == "regression":
        found |= evaluate(belief, task.test, num_hypotheses=budget.members, generator=stream(seed, 0, "evaluate"))
    else:
        found |= measured(belief, task, seed, budget.outside, budget.test)
    file.write_text(json.dumps(found))
    print(f"{variant}, seed {seed}: {found['seconds_learn']:.0f} s", flush=True)


def cell(values: list[float], digits: int) -> str:
    if not values:
        return ""
    mean, low, *_ = interval_of(np.array(values))
    return f"{mean:.{digits}f}" + ("" if low is None else f" ± {mean - low:.{digits}f}")


def table(found: dict[str, list[dict[str, float]]], *, paired: bool) -> str:
    """A row a variant: means over the seeds, or the means of what it has more than the plain ensemble."""
    names = [name for name in found if not (paired and name == PLAIN)]
    first = found[PLAIN if paired else names[-1]][0]
    metrics = [metric for metric in METRICS if metric in first]
    lines = ["| " + " | ".join(["minus the ensemble" if paired else "", *metrics]) + " |"]
    lines.append("|---" * (len(metrics) + 1) + "|")
    for name in names:
        cells = []
        for metric in metrics:
            values = [run[metric] for run in found[name] if metric in run]
            if paired:
                values = [value - plain[metric] for value, plain in zip(values, found[PLAIN], strict=True)]
            cells.append(cell(values, 1 if metric.startswith("seconds") else 4))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    at_hand = "BAYESAL_DATA" in os.environ
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="digits, few labels, two epochs: to see that it runs")
    parser.add_argument("--data", default="fashion-mnist" if at_hand else "digits")
    parser.add_argument("--outside", default="mnist" if at_hand else "shuffled")
    parser.add_argument("--labels", type=int, default=1000 if at_hand else 200)
    parser.add_argument("--validation", type=int, default=256 if at_hand else 100)
    parser.add_argument("--test", type=int, default=5000 if at_hand else 500)
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--strengths", type=float, nargs="*", default=[0.0, 1.0, 3.0, 10.0], metavar="λ")
    parser.add_argument("--divergences", nargs="*", default=["reverse_kl"], choices=DIVERGENCES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="a folder for results; a later call goes on there")
    given = parser.parse_args()
    if given.smoke:
        given.data, given.outside, given.labels, given.validation, given.test = "digits", "shuffled", 40, 0, 100
        given.members, given.strengths, given.seeds, given.workers = 3, [0.0, 3.0], 1, 1
    outside = None if given.outside == "shuffled" else given.outside
    budget = Budget(given.data, outside, given.labels, given.validation, given.test, given.members, given.smoke)
    variants = [Variant(None), *(Variant(s, d) for d in given.divergences for s in given.strengths)]
    jobs = [(variant, seed) for seed in range(given.seeds) for variant in variants]
    with tempfile.TemporaryDirectory() as temporary:
        out = given.out or Path(temporary)
        out.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(given.workers, multiprocessing.get_context("spawn")) as workers:
            list(workers.map(partial(one, budget=budget, out=out), jobs))
        found = {
            str(variant): [json.loads((out / f"{variant}.seed-{seed}.json").read_text()) for seed in range(given.seeds)]
            for variant in variants
        }
    print(
        f"\n{given.members} members, {given.labels} labels of {given.data}, {given.test} test points, "
        f"strange points: {given.outside}, {given.seeds} seeds\n"
    )
    print(table(found, paired=False), "", table(found, paired=True), sep="\n")
    if 0.0 in given.strengths and "reverse_kl" in given.divergences:
        same = all(
            plain[metric] == run[metric]
            for plain, run in zip(found[PLAIN], found["λ 0"], strict=True)
            for metric in plain
            if not metric.startswith("seconds")
        )
        print(f"\nλ = 0 says what the ensemble says, to the last bit: {same}")


if __name__ == "__main__":
    main()
