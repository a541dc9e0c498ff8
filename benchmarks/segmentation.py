"""Which tiles of images to draw masks for: ``python -m benchmarks.segmentation [--seeds 3] [--smoke]``.

Nuclei in fluorescence microscopy (``nuclei`` in $BAYESAL_DATA), halved to 128 x 128 pixels and cut into tiles; the
tiles of some images are the pool, those of the others test. Without the data, and in ``--smoke``, images of made-up
blobs. A small U-Net learns from 8 tiles at first and from as many more in every round, chosen among 600 open tiles
drawn at random. All methods of a seed start from the same tiles and the same first weights, so differences are paired,
and all are asked of one and the same learner: ``Temporal``, whose network goes on from the weights of the round before.
Without "+ loss" it learns from labels alone. With it, methods are compared with random under the same training, and
random with random without it.

"iou" and "dice" are means over background and nucleus; "over the budget" is the mean over all rounds but the first,
which all methods share. Intervals are Student's over the seeds, 95 %.
"""

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from bayesal import Pool, methods
from bayesal.bench.evaluation import evaluate
from bayesal.bench.statistics import interval_of
from bayesal.bench.tasks import Labelled
from bayesal.learning import DenseCrossEntropy, Temporal, Training
from bayesal.loop.streams import stream
from bayesal.networks import SmallUNet
from bayesal.posteriors import TemporalNetwork

WITH_LOSS = " + loss"
METRICS = ("iou", "dice", "nll")
NAMES = ["random", "entropy", "gradnorm_expected", "tod", "random" + WITH_LOSS, "tod" + WITH_LOSS]
SIDE = 128


class Budget(NamedTuple):
    """What every method of the comparison has."""

    folder: str | None
    tile: int
    rounds: int
    batch: int
    epochs: int
    width: int
    weight: float
    candidates: int
    test_images: int


def nuclei(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images ``N 128 128`` from 0 to 1, and masks of what at least half of a pixel belongs to a nucleus."""
    names = sorted(path.name for path in (folder / "images").glob("*.png"))
    images = np.stack([_halved(np.asarray(Image.open(folder / "images" / name), np.float32)) for name in names])
    inside = np.stack([_halved((np.asarray(Image.open(folder / "labels" / name)) > 0) * 1.0) for name in names])
    return (images / 255).astype(np.float32), (inside >= 0.5).astype(np.int64)


def blobs(count: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Made-up images of the same kind: bright discs, more in some corners than in others, and noise."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    images, masks = [], []
    for _ in range(count):
        mask = np.zeros((SIDE, SIDE), dtype=bool)
        for row, column, radius in zip(
            random.beta(1, 2, 12) * SIDE, random.beta(1, 2, 12) * SIDE, random.uniform(2, 7, 12), strict=True
        ):
            mask |= (rows - row) ** 2 + (columns - column) ** 2 < radius**2
        images.append(0.2 + 0.4 * mask + 0.15 * random.standard_normal(mask.shape))
        masks.append(mask)
    return np.stack(images).astype(np.float32), np.stack(masks).astype(np.int64)


def _halved(image: np.ndarray) -> np.ndarray:
    return image.reshape(SIDE, 2, SIDE, 2).mean((1, 3))


def tiles(images: np.ndarray, side: int) -> np.ndarray:
    """Square pieces ``N·k² side side``, an image's own next to each other."""
    count = SIDE // side
    return images.reshape(-1, count, side, count, side).swapaxes(2, 3).reshape(-1, side, side)


def one(job: tuple[str, int], budget: Budget, out: Path) -> None:
    """One method, one seed: learn, measure, ask, round after round; unless it is in the folder already."""
    name, seed = job
    file = out / f"{name}.seed-{seed}.json"
    if file.exists():
        return
    torch.set_num_threads(1)
    images, masks = nuclei(Path(budget.folder)) if budget.folder else blobs()
    order = torch.randperm(len(images), generator=stream(seed, 0, "split")).numpy()
    (pool_x, pool_y), (test_x, test_y) = (
        (torch.from_numpy(tiles(images[part], budget.tile))[:, None], tiles(masks[part], budget.tile))
        for part in (order[budget.test_images :], order[: budget.test_images])
    )
    test = Labelled(test_x, torch.from_numpy(test_y))
    chosen = torch.randperm(len(pool_x), generator=stream(seed, 0, "initial")).tolist()[: budget.batch]
    pool = Pool.of(pool_x, labels={i: pool_y[i] for i in chosen}, progress=False)
    learner = Temporal(
        partial(SmallUNet, 2, 1, width=budget.width),
        TemporalNetwork,
        initial=budget.batch,
        batch_size=budget.batch,
        weight=budget.weight if name.endswith(WITH_LOSS) else 0.0,
        loss=DenseCrossEntropy(),
        training=Training(
            learning_rate=1e-2,
            batch_size=8,
            epoch_size=32,
            max_epochs=budget.epochs,
            patience=None,
            progress=False,
        ),
    )
    strategy = getattr(methods, name.removesuffix(WITH_LOSS))()
    rounds, start = [], time.perf_counter()
    for number in range(budget.rounds + 1):
        belief = learner(pool, stream(seed, number, "learn"))
        found = evaluate(belief, test, num_hypotheses=1, generator=stream(seed, number, "evaluate"))
        shares = [float(np.mean(mask)) for mask in pool.labels.values()]
        rounds.append({"labels": len(pool.labels), "nuclei": float(np.mean(shares)), **found})
        if number < budget.rounds:
            drawn = torch.randperm(len(pool), generator=stream(seed, number, "candidates")).tolist()
            open_ = [i for i in drawn if i not in pool.labels][: budget.candidates]
            asked = strategy(belief, pool.only(open_), budget.batch, generator=stream(seed, number, "select"))
            pool = pool.with_labels({i: pool_y[i] for i in asked.ids})
    file.write_text(json.dumps(rounds))
    print(f"{name}, seed {seed}: {time.perf_counter() - start:.0f} s, iou {rounds[-1]['iou']:.3f}", flush=True)


def cell(values: np.ndarray, digits: int = 3, sign: str = "") -> str:
    mean, low, *_ = interval_of(values)
    return f"{mean:{sign}.{digits}f}" + ("" if low is None else f" ± {mean - low:.{digits}f}")


def over_budget(runs: list[list[dict[str, float]]], metric: str) -> np.ndarray:
    """A number a seed."""
    return np.array([np.mean([found[metric] for found in rounds[1:]]) for rounds in runs])


def table(found: dict[str, list[list[dict[str, float]]]]) -> str:
    """A row a method: means over seeds, and paired differences from random."""
    head = ["method", *(f"{metric} over the budget" for metric in METRICS), "iou minus random's", "iou at the end"]
    lines = ["| " + " | ".join([*head, "minus random's", "nucleus pixels"]) + " |", "|---" * (len(head) + 2) + "|"]
    last = {name: np.array([rounds[-1]["iou"] for rounds in runs]) for name, runs in found.items()}
    for name, runs in found.items():
        cells = [cell(over_budget(runs, metric)) for metric in METRICS]
        other = compared_with(name)
        told = other != name and other in found
        cells.append(cell(over_budget(runs, "iou") - over_budget(found[other], "iou"), sign="+") if told else "")
        cells.append(cell(last[name]))
        cells.append(cell(last[name] - last[other], sign="+") if told else "")
        cells.append(f"{100 * np.mean([rounds[-1]['nuclei'] for rounds in runs]):.1f} %")
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def compared_with(name: str) -> str:
    """Random under the same training; random with the loss, random without."""
    return "random" + WITH_LOSS if name.endswith(WITH_LOSS) and name != "random" + WITH_LOSS else "random"


def curves(found: dict[str, list[list[dict[str, float]]]]) -> str:
    """The mean IoU over seeds after every round."""
    labels = [round_["labels"] for round_ in next(iter(found.values()))[0]]
    lines = ["| labels | " + " | ".join(f"{count:.0f}" for count in labels) + " |", "|---" * (len(labels) + 1) + "|"]
    for name, runs in found.items():
        means = np.mean([[round_["iou"] for round_ in rounds] for rounds in runs], axis=0)
        lines.append(f"| `{name}` | " + " | ".join(f"{mean:.3f}" for mean in means) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="blobs, two rounds of two epochs: to see that it runs")
    parser.add_argument("--tile", type=int, default=32, help="side of a tile, a divisor of 128")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=8, help="tiles labelled at first, and in a round")
    parser.add_argument("--epochs", type=int, default=40, help="of 32 tiles each, in a cycle")
    parser.add_argument("--width", type=int, default=8, help="channels of the network at full size")
    parser.add_argument("--weight", type=float, default=0.05, help="of the unsupervised loss")
    parser.add_argument("--candidates", type=int, default=600, help="open tiles to choose from in a round")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=NAMES, metavar="METHOD")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="a folder for results; a later call goes on there")
    given = parser.parse_args()
    folder = Path(os.environ["BAYESAL_DATA"]) / "nuclei" if "BAYESAL_DATA" in os.environ and not given.smoke else None
    if given.smoke:
        given.rounds, given.epochs, given.seeds, given.workers, given.width, given.candidates = 2, 2, 1, 1, 4, 40
    test_images = 6 if folder is None else 60
    where = None if folder is None else str(folder)
    budget = Budget(
        folder=where,
        tile=given.tile,
        rounds=given.rounds,
        batch=given.batch,
        epochs=given.epochs,
        width=given.width,
        weight=given.weight,
        candidates=given.candidates,
        test_images=test_images,
    )
    jobs = [(name, seed) for seed in range(given.seeds) for name in given.only]
    with tempfile.TemporaryDirectory() as temporary:
        out = given.out or Path(temporary)
        out.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(given.workers, multiprocessing.get_context("spawn")) as workers:
            list(workers.map(partial(one, budget=budget, out=out), jobs))
        found = {
            name: [json.loads((out / f"{name}.seed-{seed}.json").read_text()) for seed in range(given.seeds)]
            for name in given.only
        }
    kind = "made-up blobs" if folder is None else "nuclei"
    last = given.batch * (given.rounds + 1)
    print(
        f"\n{kind}: tiles of {given.tile} x {given.tile}, {given.batch} to {last} labelled, {given.seeds} seeds, "
        f"λ = {given.weight:g}\n"
    )
    print(table(found), "", curves(found), sep="\n")


if __name__ == "__main__":
    main()
