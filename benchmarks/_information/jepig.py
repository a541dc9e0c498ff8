"""JEPIG: what the labels of a batch tell about the joint label of the targets."""

import torch
from torch import Generator, Tensor

from bayesal.selection import JEPIG, grow
from benchmarks._device import Work
from benchmarks._information.inputs import pool_and_targets
from benchmarks._subjects.subject import Case, Setting, Size, Subject, picks, same_picks
from benchmarks.batchbald import information

JUDGES = 100_000  # samples in the estimate of what a batch tells
NAIVE = "one point after the other"


def build(size: Size, device: torch.device) -> Case:
    logs, targets = pool_and_targets(size, device)
    batch, most = size["B"], size["M"]
    samples = min(JUDGES, 100 * size["N"])
    everything = torch.cat([targets, logs]).cpu()
    places = list(range(len(targets)))
    about_targets = information(everything, places, samples)[0]

    def told(result: object) -> str:
        chosen = [len(targets) + position for position in picks(result)]
        alone, together = (information(everything, some, samples)[0] for some in (chosen, places + chosen))
        return f"information {alone + about_targets - together:.3f}"

    return Case(
        lambda: grow(JEPIG(targets, most), logs, batch, generator=Generator().manual_seed(0)),
        _floors(size),
        {NAIVE: lambda: naive(logs.double(), targets.double(), batch, most)},
        agree=same_picks,
        tells=told,
    )


def naive(logs: Tensor, targets: Tensor, batch: int, most: int) -> list[int]:
    """gain(n | S) = H(y_n | y_S) - H(y_n | y_S, Y_T), each point by itself, in float64."""
    known, informed = Labels.of(logs[:0], most, logs), Labels.of(targets, most, logs)
    chosen: list[int] = []
    for _ in range(batch):
        probabilities = logs.exp()
        gains = [
            float(known.entropy(p) - informed.entropy(p)) if n not in chosen else -torch.inf
            for n, p in enumerate(probabilities)
        ]
        chosen.append(int(torch.tensor(gains).argmax()))
        known = Labels.of(logs[chosen], most, logs)
        informed = Labels.of(torch.cat([targets, logs[chosen]]), most, logs)
    return chosen


class Labels:
    """All labels of some points, or as many samples of them, each by the posterior it leads to."""

    def __init__(self, likelihoods: Tensor, weights: Tensor) -> None:
        self.posteriors, self.weights = likelihoods.softmax(1), weights

    @classmethod
    def of(cls, points: Tensor, most: int, like: Tensor) -> "Labels":
        k, c = like.shape[1:]
        if c ** len(points) <= most:
            likelihoods = like.new_zeros(1, k)
            for point in points:
                likelihoods = (likelihoods[:, None, :] + point.T).flatten(0, 1)
            return cls(likelihoods, (likelihoods.logsumexp(1) - torch.tensor(float(k)).log()).exp())
        hypotheses = torch.arange(most, device=like.device) % k
        likelihoods = like.new_zeros(most, k)
        generator = Generator().manual_seed(0)
        for point in points:
            labels = torch.multinomial(point.exp()[hypotheses].cpu(), 1, generator=generator).squeeze(1)
            likelihoods += point.T[labels.to(like.device)]
        return cls(likelihoods, like.new_full((most,), 1 / most))

    def entropy(self, point: Tensor) -> Tensor:
        return self.weights @ torch.special.entr(self.posteriors @ point).sum(1)


def _floors(size: Size) -> dict[str, Work]:
    """Of computing each gain under both: the points taken, and these with the targets; and of looking at each row."""
    n, k, c, t, most = (size[letter] for letter in "NKCTM")
    labels = sum(n * c * (min(c**taken, most) + min(c ** (taken + t), most)) for taken in range(size["B"]))
    return {
        "every gain of every pick": Work(flops=2 * k * labels, functions=labels, bytes=4 * n * k * c * size["B"]),
        "each row once": Work(functions=n * k * c, bytes=4 * n * k * c),
    }


JEPIG_JOB = Subject(
    name="jepig",
    title="JEPIG",
    build=build,
    small={"N": 50, "K": 20, "C": 3, "T": 3, "B": 3, "M": 1_000},
    settings=[
        Setting({"N": 100, "K": 100, "C": 10, "T": 20, "B": 5, "M": 10_000}),
        Setting({"N": 1_000, "K": 100, "C": 10, "T": 20, "B": 5, "M": 10_000}, peers=False),
        Setting({"N": 10_000, "K": 100, "C": 10, "T": 20, "B": 5, "M": 10_000}, peers=False),
    ],
    base={"N": 1_000, "K": 100, "C": 10, "T": 20, "B": 5, "M": 10_000},
    growth={
        "N": (500, 1_000, 2_000),
        "K": (50, 100, 200),
        "C": (5, 10, 20),
        "B": (3, 5, 10),
        "T": (10, 20, 40),
        "M": (5_000, 10_000, 20_000),
    },
)
