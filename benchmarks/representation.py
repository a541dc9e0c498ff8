"""Representations, judges and two objectives on real images: ``python -m benchmarks.representation [--smoke]``.

Runs of ``bayesal run``, with one small network for all, and tables of what they show:

* ``families``: every method against random and entropy. Methods with a training of their own are compared with random
  under the same training, whose own effect is told too.
* ``cold-start``: the first labels chosen by TypiClust, ProbCover or k-means, at 1, 2 and 5 a class, against random.
* ``imbalance``: how evenly batches spread over classes of which some are rare in the pool (entropy of the shares of
  classes over ln 10).
* ``strangers``: how many points of no class at all are bought.
* ``confidences``: the same for other ways in which POAL knows a class from none.

What is in ``--out`` already is not run again. Intervals are Student's over seeds, 95 %, paired.
"""

import argparse
import math
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from rich.console import Console

from bayesal.bench.config import configure
from bayesal.bench.curves import METRICS, learning_curves, mean_over_budget
from bayesal.bench.experiment import run_experiment
from bayesal.bench.frames import numbers, rows_of
from bayesal.bench.results import NO_LABEL, Outcome
from bayesal.bench.statistics import interval_of

PARTS = ("families", "cold-start", "imbalance", "strangers", "confidences")
FAMILIES: dict[str, tuple[str, ...]] = {
    "mc-dropout": (
        *("coreset", "dacs", "typiclust", "probcover", "kmeans", "cluster_margin", "alfamix", "featuresim", "fre"),
        *("poal", "adversarial_bim", "adversarial_deepfool", "softmax_entropy", "softmax_margin", "entropy"),
    ),
    "scal": ("featuresim", "fre"),
    "barlow-twins": ("dalbt",),
    "tod": ("tod",),
    "loss-prediction": ("loss_prediction",),
    "vaal": ("vaal",),
    "waal": ("waal",),
    "ceal": ("ceal",),
}
STARTS = ("random", "typiclust", "probcover", "kmeans")
BALANCED = ("featuresim", "fre", "class_balanced", "badge", "entropy")
AWARE = ("poal", "typiclust", "entropy")
CONFIDENCES = ("poal", *(f"benchmarks.variants:poal_{kind}" for kind in ("stages", "perturbed", "flow")), "entropy")
RARE, STRANGE = [5, 6, 7, 8, 9], [6, 7, 8, 9]
ACCURACY = METRICS[0]
COMMON: dict[str, Any] = {
    "pool_size": 3000,
    "test_size": 5000,
    "initial": 20,
    "batch_size": 40,
    "budget": 140,
    "num_hypotheses": 20,
    "test_hypotheses": 10,
    "validation": 200,
    "training": {"epochs": 20, "epoch_size": 1024},
}
SMALL: dict[str, Any] = {"smoke": True, "seeds": 2, "network": None, "validation": 0}
"""Of digits, whose images are too small for the network."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=PARTS, metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--data", nargs="*", default=["mnist", "fashion-mnist"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder of the runs; a later call goes on there")
    parser.add_argument("--smoke", action="store_true", help="digits, tiny: to see that it runs")
    given = parser.parse_args()
    if strange := set(given.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(strange))}; there are {', '.join(PARTS)}")
    with tempfile.TemporaryDirectory() as temporary:
        runs = Runs(given.out or Path(temporary), given.seeds, given.first_seed, given.smoke)
        for data in ["digits"] if given.smoke else given.data:
            for part in given.parts:
                print(f"\n## {part}, {data}\n", flush=True)
                for line in SHOWN[part](runs, data):
                    print(line, flush=True)


class Runs:
    """Experiments in folders of their own."""

    def __init__(self, out: Path, seeds: int, first_seed: int, smoke: bool) -> None:
        self.out, self.smoke = out, smoke
        self.seeds = {"seeds": seeds, "first_seed": first_seed}

    def run(self, name: str, data: str, methods: Sequence[str], **settings: Any) -> Outcome:
        """The experiment of this name: run, or gone on with, or read."""
        small = SMALL if self.smoke else {}
        network = {"network": "benchmarks.networks:small_cnn"} if data.endswith("mnist") else {"pool_size": None}
        given = {**COMMON, **network, **self.seeds, **settings, **small}
        wanted = {"data": data, "methods": list(methods), "out": str(self.out / data / name), **given}
        return run_experiment(configure({k: v for k, v in wanted.items() if v is not None}), Console(stderr=True))[0]


def families(runs: Runs, data: str) -> Iterable[str]:
    """Mean accuracy over the budget."""
    yield "| posterior | method | accuracy | against random, points | against entropy | at the end | s a batch |"
    yield "|---|---|---|---|---|---|---|"
    for posterior, all_methods in FAMILIES.items():
        methods = all_methods[:3] if runs.smoke else all_methods
        outcome = runs.run(posterior, data, methods, posterior=posterior)
        for method in (*methods, "random"):
            own = means(outcome, method)
            against = [
                difference(own, means(outcome, other)) if other in outcome.methods and other != method else ""
                for other in ("random", "entropy")
            ]
            seconds = float(np.nanmedian(numbers(rows_of(outcome.results, method), "seconds_select")))
            cells = [f"{100 * own.mean():.1f}", *against, f"{100 * ends(outcome, method).mean():.1f}", f"{seconds:.2f}"]
            yield f"| {posterior} | {method} | " + " | ".join(cells) + " |"


def cold_start(runs: Runs, data: str) -> Iterable[str]:
    """Accuracy of the default learner on the first labels alone, as many a class as 1, 2 and 5."""
    yield "| labels | " + " | ".join(STARTS) + " |"
    yield "|---" * (len(STARTS) + 1) + "|"
    for count in (10, 20, 50):
        settings = {"initial": count, "budget": count, "batch_size": 10, "baseline": None}
        found = {}
        for start in STARTS:
            outcome = runs.run(f"start-{start}-{count}", data, ["random"], start=start, **settings)
            found[start] = ends(outcome, "random")
        against = {start: f" ({difference(own, found['random'])})" for start, own in found.items() if start != "random"}
        cells = [f"{100 * own.mean():.1f}{against.get(start, '')}" for start, own in found.items()]
        yield f"| {count} | " + " | ".join(cells) + " |"


def imbalance(runs: Runs, data: str) -> Iterable[str]:
    """Half of the classes are rare in the pool."""
    outcome = runs.run("rare", data, BALANCED, rare=RARE, rare_share=0.1)
    yield "| method | evenness of a batch | against entropy | of rare classes, % | accuracy | against entropy |"
    yield "|---|---|---|---|---|---|"
    labels = {method: list(asked(outcome, method)) for method in (*BALANCED, "random")}
    even = {method: np.array(list(evenness_of_batches(outcome, method))) for method in labels}
    for method, own in labels.items():
        rare = float(np.mean([np.isin(some, RARE).mean() for some in own]))
        accuracy, other = means(outcome, method), means(outcome, "entropy")
        cells = [
            f"{even[method].mean():.3f}",
            difference(even[method], even["entropy"], scale=1, digits=3) if method != "entropy" else "",
            f"{100 * rare:.0f}",
            f"{100 * accuracy.mean():.1f}",
            difference(accuracy, other) if method != "entropy" else "",
        ]
        yield f"| {method} | " + " | ".join(cells) + " |"


def strangers(runs: Runs, data: str, name: str = "strange", methods: Sequence[str] = AWARE) -> Iterable[str]:
    """Four classes are nobody's: their points cost a question and teach nothing."""
    own = {"network": "benchmarks.networks:small_cnn_of_six"} if data.endswith("mnist") else {}
    outcome = runs.run(name, data, methods, strange=STRANGE, budget=220, **own)
    yield "| method | strangers of the questions, % | against entropy | accuracy | against entropy | at the end |"
    yield "|---|---|---|---|---|---|"
    labels = {method: list(asked(outcome, method)) for method in (*methods, "random")}
    bought = {method: np.array([np.mean(some == NO_LABEL) for some in own]) for method, own in labels.items()}
    for method, share in bought.items():
        accuracy, other = means(outcome, method), means(outcome, "entropy")
        cells = [
            f"{100 * share.mean():.1f}",
            difference(share, bought["entropy"]) if method != "entropy" else "",
            f"{100 * accuracy.mean():.1f}",
            difference(accuracy, other) if method != "entropy" else "",
            f"{100 * ends(outcome, method).mean():.1f}",
        ]
        yield f"| {method.rpartition(':')[2]} | " + " | ".join(cells) + " |"


def confidences(runs: Runs, data: str) -> Iterable[str]:
    """The nearest class in the last features, in those of four stages, of points moved a little; a flow's density."""
    return strangers(runs, data, "confidences", CONFIDENCES)


def means(outcome: Outcome, method: str) -> Float[np.ndarray, "S"]:
    """Each seed's mean accuracy over the budget."""
    curves = learning_curves(outcome.results, ACCURACY, method).values()
    return np.array([mean_over_budget(curve, curve.labels[0], curve.labels[-1]) for curve in curves])


def ends(outcome: Outcome, method: str) -> Float[np.ndarray, "S"]:
    """Each seed's accuracy with all labels."""
    return np.array([curve.values[-1] for curve in learning_curves(outcome.results, ACCURACY, method).values()])


def asked(outcome: Outcome, method: str) -> Iterable[Int[np.ndarray, "Q"]]:
    """What each seed's questions were answered."""
    for seed in outcome.seeds:
        yield numbers(rows_of(outcome.labels, method, seed), "label").astype(np.int64)


def evenness_of_batches(outcome: Outcome, method: str) -> Iterable[float]:
    """Each seed's mean over its batches."""
    for seed in outcome.seeds:
        own = rows_of(outcome.labels, method, seed)
        labels, rounds = numbers(own, "label").astype(np.int64), numbers(own, "round")
        yield float(np.mean([evenness(labels[rounds == number]) for number in np.unique(rounds)]))


def evenness(labels: Int[np.ndarray, "Q"], num_classes: int = 10) -> float:
    """The entropy of the shares of the classes, over ln C: 1 is even."""
    shares = np.bincount(labels[labels != NO_LABEL], minlength=num_classes) / max(1, len(labels))
    return float(-sum(share * math.log(share) for share in shares if share > 0) / math.log(num_classes))


def difference(
    ours: Float[np.ndarray, "S"], theirs: Float[np.ndarray, "S"], scale: float = 100, digits: int = 1
) -> str:
    """Ours less theirs, seed by seed, with half of its interval; in bold where that leaves out 0."""
    mean, low, high, _ = interval_of(scale * (ours - theirs))
    if low is None or high is None:
        return f"{mean:+.{digits}f}"
    told = f"{mean:+.{digits}f} ± {(high - low) / 2:.{digits}f}"
    return f"**{told}**" if low > 0 or high < 0 else told


SHOWN = {
    "families": families,
    "cold-start": cold_start,
    "imbalance": imbalance,
    "strangers": strangers,
    "confidences": confidences,
}

if __name__ == "__main__":
    main()
