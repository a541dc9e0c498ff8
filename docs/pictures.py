"""One picture a posterior, as the documentation shows them: ``python docs/pictures.py [NAME ...]``.

Posteriors of amounts learn twenty noisy values of a curve of one input, with a gap; the picture has functions they
draw, their mean and two standard deviations. Posteriors of classes learn forty points of scikit-learn's two moons; the
picture has the averaged probability of the black one, and the mutual information (BALD) between a label and the model,
in nats. Every learner is the one of ``bayesal run --posterior NAME``.
"""

import argparse
import math
from pathlib import Path

import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.datasets import make_moons
from torch.distributions import Categorical, Normal

from bayesal.acquisitions import bald
from bayesal.bench.config import SettledTraining
from bayesal.bench.learners import learner_for
from bayesal.bench.posteriors import POSTERIORS
from bayesal.data.dataset import DataSet
from bayesal.data.pool import Pool
from bayesal.types import Posterior

FOLDER = Path(__file__).parent / "_static" / "posteriors"
TRAINING = SettledTraining(epochs=60, epoch_size=512, batch_size=32, learning_rate=5e-3, weight_decay=1e-4, patience=60)
NUM_HYPOTHESES = 200
BLUE, ORANGE, GREY = "#1f5a99", "#c8641e", "#666666"


def curve() -> DataSet:
    """Twenty noisy values of sin(3x) + x/2 on [-2, 2], none of them between -0.4 and 0.8."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-2, -0.4, 12), rng.uniform(0.8, 2, 8)])
    y = np.sin(3 * x) + x / 2 + rng.normal(0, 0.1, len(x))
    inputs = torch.tensor(x[:, None], dtype=torch.float32)
    return DataSet("a curve", inputs, torch.tensor(y), "regression", np.arange(len(x)))


def moons() -> DataSet:
    points, labels = make_moons(40, noise=0.15, random_state=0)
    inputs = torch.tensor(points, dtype=torch.float32)
    return DataSet("two moons", inputs, torch.tensor(labels), "classification", np.arange(40), class_names=("0", "1"))


def learn(posterior: str, data: DataSet) -> Posterior:
    pool = Pool.of(data.inputs, ids=data.ids, labels=data.answers, progress=False)
    return learner_for(posterior, data, TRAINING)(pool, torch.Generator().manual_seed(0))


@torch.no_grad()
def band(axes: Axes, belief: Posterior, data: DataSet) -> None:
    """Drawn functions, their mean, and two standard deviations without noise and with it."""
    x = torch.linspace(-3, 3, 301)[:, None]
    predictions = belief.draw(NUM_HYPOTHESES, generator=torch.Generator().manual_seed(1))(x)
    assert isinstance(predictions, Normal)
    functions, at = predictions.loc.double().numpy(), x[:, 0].numpy()
    mean, sd = functions.mean(1), functions.std(1)
    whole = np.sqrt(sd**2 + predictions.variance.double().mean(1).numpy())
    axes.fill_between(at, mean - 2 * whole, mean + 2 * whole, color=BLUE, alpha=0.1, lw=0, label="± 2 sd of a label")
    axes.fill_between(at, mean - 2 * sd, mean + 2 * sd, color=BLUE, alpha=0.25, lw=0, label="± 2 sd of the function")
    axes.plot(at, functions[:, :5], color=GREY, lw=0.7)
    axes.plot(at, mean, color=BLUE, lw=1.8, label="mean")
    axes.plot(at, np.sin(3 * at) + at / 2, color=ORANGE, lw=1, ls="--", label="truth")
    assert data.labels is not None
    axes.plot(np.asarray(data.inputs)[:, 0], data.labels.numpy(), "o", color="black", ms=4, label="labels")
    axes.set(xlabel="x", ylabel="y", xlim=(-3, 3), ylim=(-4, 4))
    axes.legend(loc="upper left", fontsize=7, frameon=False)


@torch.no_grad()
def maps(figure: Figure, left: Axes, right: Axes, belief: Posterior, data: DataSet) -> None:
    """The averaged probability of label 1, and the mutual information."""
    x, y = torch.meshgrid(torch.linspace(-2.5, 3.5, 90), torch.linspace(-2, 2.5, 70), indexing="xy")
    grid = torch.stack([x.flatten(), y.flatten()], 1)
    predictions = belief.draw(NUM_HYPOTHESES, generator=torch.Generator().manual_seed(1))(grid)
    assert isinstance(predictions, Categorical)
    probability = predictions.probs.mean(1)[:, 1].reshape(x.shape).double().numpy()
    information = bald(predictions).reshape(x.shape).double().numpy()
    points, labels = np.asarray(data.inputs), data.labels
    assert labels is not None
    for axes, values, title, levels, colours in (
        (left, probability, "probability of black", np.linspace(0, 1, 21), "RdBu_r"),
        (right, information, f"BALD, nats (at most ln 2 = {math.log(2):.2f})", np.linspace(0, 0.7, 29), "viridis"),
    ):
        drawn = axes.contourf(x.numpy(), y.numpy(), values, levels=levels, cmap=colours)
        figure.colorbar(drawn, ax=axes, shrink=0.85, ticks=[t / 10 for t in range(0, 11, 2) if t / 10 <= levels[-1]])
        for label, face in ((0, "white"), (1, "black")):
            own = points[labels.numpy() == label]
            axes.scatter(own[:, 0], own[:, 1], s=16, facecolor=face, edgecolor="black", linewidth=0.7)
        axes.set_title(title, fontsize=8)
        axes.set_xticks([])
        axes.set_yticks([])


def picture(name: str, tasks: str) -> Path:
    figure = Figure(figsize=(7.2, 2.9), layout="constrained", dpi=110)
    amounts, classes = tasks == "any" or "regression" in tasks, tasks == "any" or "classification" in tasks
    panels = figure.subplots(1, amounts + 2 * classes, squeeze=False)[0]
    if amounts:
        band(panels[0], learn(name, curve()), curve())
    if classes:
        maps(figure, panels[-2], panels[-1], learn(name, moons()), moons())
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.png"
    figure.savefig(path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [row.name for row in POSTERIORS]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which ones (default: all): {', '.join(names)}")
    given = parser.parse_args()
    matplotlib.use("Agg")
    for row in POSTERIORS:
        if not given.names or row.name in given.names:
            print(picture(row.name, row.tasks), flush=True)


if __name__ == "__main__":
    main()
