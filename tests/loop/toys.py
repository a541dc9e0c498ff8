"""A toy study that is fast, draws from every stream it is given, and whose course depends on every draw."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor
from torch.distributions import Categorical

from bayesal.data.pool import Pool
from bayesal.loop import Study
from bayesal.types import Id, Selection

N = 200
INPUTS = torch.linspace(-1, 1, N).unsqueeze(1)
CLASSES = 3


@dataclass
class ToyBelief:
    """A noisy nearest-centroid classifier; its weights depend on the labels, their order and the stream."""

    state: dict[str, Tensor]

    def draw(self, num_hypotheses: int, *, generator: Generator) -> Any:
        noise = 0.01 * torch.randn(num_hypotheses, CLASSES, generator=generator)

        def hypotheses(inputs: Tensor) -> Categorical:
            return Categorical(logits=-((inputs.unsqueeze(1) - self.state["centroids"] - noise) ** 2) * 10)

        return hypotheses


def toy_learner(pool: Pool, generator: Generator) -> ToyBelief:
    inputs, targets = pool.gather(pool.labelled).squeeze(1), pool.targets()
    weights = torch.rand(len(targets), generator=generator) + 0.5
    centroids = torch.zeros(CLASSES)
    for position in range(len(targets)):  # a running mean: the order matters
        label = int(targets[position])
        centroids[label] = 0.7 * centroids[label] + 0.3 * weights[position] * inputs[position]
    return ToyBelief({"centroids": centroids})


@dataclass(frozen=True)
class ToyMethod:
    """Distance to the belief's first centroid, shaken by the generator."""

    shake: float = 0.5

    def __call__(self, belief: ToyBelief, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        ids = pool.unlabelled
        scores = (pool.gather(ids).squeeze(1) - belief.state["centroids"][0]).abs()
        scores = scores + self.shake * torch.rand(len(ids), generator=generator)
        gains, positions = scores.topk(batch_size)
        return Selection(ids[positions.numpy()].tolist(), gains, gains.cumsum(0), positions)


def toy_metrics(belief: ToyBelief, generator: Generator) -> Mapping[str, float]:
    return {"accuracy": float(torch.rand(1, generator=generator)), "nll": float(belief.state["centroids"].sum())}


def names() -> list[Id]:
    """Half of the ids are integers, half are texts; 7 and "7" are both there."""
    return [*range(N // 2), *map(str, range(N // 2))]


def truth(key: Id) -> int:
    return (int(key) * 7 + isinstance(key, str)) % CLASSES


def oracle(ids: list[Id]) -> list[int]:
    return [truth(key) for key in ids]


def toy_pool(labels: Mapping[Id, Any] | None = None) -> Pool:
    return Pool.of(INPUTS, ids=names(), labels=labels, progress=False)


def open_toy(path: Path, **changes: Any) -> Study:
    settings = {"pool": toy_pool(), "learner": toy_learner, "method": ToyMethod(), "seed": 3, "evaluate": toy_metrics}
    return Study.open(path, **(settings | changes))


def run_logged(path: str, log: str, ready: Any, budget: int) -> None:
    """A process to be killed: it runs the study to the end, and logs what the ledger has acknowledged."""
    torch.set_num_threads(1)
    ready.set()

    def slow_learner(pool: Pool, generator: Generator) -> ToyBelief:
        time.sleep(0.004)
        return toy_learner(pool, generator)

    def slow_oracle(ids: list[Id]) -> list[int]:
        time.sleep(0.004)
        return oracle(ids)

    with open_toy(Path(path), learner=slow_learner) as study:
        tell = study.tell

        def tell_and_log(labels: Mapping[Any, Any], by: str = "oracle", *, uuid: str | None = None) -> None:
            tell(labels, by, uuid=uuid)
            with open(log, "a") as file:
                file.write("".join(f"{key!r}\n" for key in labels))

        study.tell = tell_and_log  # type: ignore[method-assign]
        study.run(slow_oracle, budget=budget, batch_size=5)


class Counting:
    """A learner that notes the labels it was shown."""

    def __init__(self) -> None:
        self.seen: list[list] = []

    def __call__(self, pool, generator):
        self.seen.append(list(pool.labels.items()))
        return toy_learner(pool, generator)


class Uniform:
    """A method that needs no belief, and has something to say."""

    def __call__(self, belief, pool, batch_size, /, *, generator):
        ids = pool.unlabelled[torch.randperm(len(pool.unlabelled), generator=generator)[:batch_size].numpy()]
        zeros = torch.zeros(batch_size)
        return Selection(ids.tolist(), zeros, zeros, torch.zeros(batch_size, dtype=torch.int64), ("uniform",))

    def __repr__(self) -> str:
        return "Uniform()"


def ids_of(study: Study) -> list[Id]:
    return [line["id"] for line in study.history()]
