"""Tasks: a data set and a seed become a pool with its first labels, an oracle, and points to test on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bayesal.bench.config import RunConfig, SettledConfig
from bayesal.data.dataset import DataSet, Kind, Stored
from bayesal.data.datasets import load
from bayesal.data.derived import take
from bayesal.data.pool import Pool
from bayesal.data.shift import repeated
from bayesal.data.sources import source_of
from bayesal.data.split import split
from bayesal.loop.streams import stream
from bayesal.types import Id, Ids, Label

TEST_FRACTION = 0.3  # of a data set that comes without a test part


@dataclass(frozen=True, eq=False)
class Labelled:
    """Points whose labels are known."""

    inputs: Stored
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Task:
    """One seed's problem, the same for every method of the seed.

    ``pool`` knows its initial labels; ``answers`` knows them all. ``data`` is what they were taken from.
    """

    data: DataSet
    pool: Pool
    answers: Mapping[Id, Label]
    validation: tuple[Tensor, Tensor] | None
    test: Labelled

    @property
    def kind(self) -> Kind:
        return self.data.kind

    def oracle(self, ids: Ids) -> dict[Id, Label]:
        return {i: self.answers[i] for i in ids}


def load_data(config: RunConfig, seed: int) -> DataSet:
    """The data set of a run, for one seed: what is labelled of it, with a test part."""
    data = load(config.data, seed=seed, target=config.target, task=config.task)
    if not bool(data.known.any()):
        raise ValueError(
            f"{data.name} has no labels, so no run can be simulated on it; bayesal select chooses what to label"
        )
    if not bool(data.known.all()):
        data = data.take(torch.nonzero(data.known).squeeze(1))
    return data if data.test_labels is not None else split(data, test_fraction=TEST_FRACTION, seed=seed)


def make_task(config: SettledConfig, seed: int) -> Task:
    """The task of a settled configuration and a seed.

    In the order of one seeded shuffle: validation points, then the initial labels (the same number of each class as
    far as there are enough), then the rest of the pool, cut to ``pool_size``; then the pool is repeated.
    """
    data = load_data(config, seed)
    assert data.labels is not None
    order = torch.randperm(len(data), generator=stream(seed, 0, "split")).numpy()
    held_out, rest = order[: config.validation], order[config.validation :]
    initial = _initial(data, rest, config.initial)
    others = rest[~np.isin(rest, initial)]
    if config.pool_size is not None:
        others = others[: max(0, config.pool_size - len(initial))]
    validation = None
    if len(held_out):
        points = source_of(data.inputs)[0].gather(held_out)
        validation = points, data.labels[torch.from_numpy(held_out)]
    kept = np.sort(np.concatenate([initial, others]))
    data = data.take(kept)
    if config.repeat > 1:
        data = repeated(data, config.repeat, noise=config.noise, generator=stream(seed, 0, "noise"))
    first = data.ids[np.searchsorted(kept, initial)].tolist()  # where repeated: the first copies
    answers = data.answers
    pool = Pool.of(data.inputs, ids=data.ids, labels={i: answers[i] for i in first}, progress=False)
    return Task(data, pool, answers, validation, _test(data, config.test_size, seed))


def _initial(data: DataSet, rest: np.ndarray, size: int) -> np.ndarray:
    """The first points of the shuffle, as many of each class as of any other where there are enough."""
    assert data.labels is not None
    if data.kind != "classification":
        return rest[:size]
    labels = data.labels.numpy()[rest]
    turn = np.empty(len(rest), dtype=np.int64)  # a point's place among those of its class
    for value in np.unique(labels):
        own = labels == value
        turn[own] = np.arange(own.sum())
    return rest[np.argsort(turn, kind="stable")[:size]]


def _test(data: DataSet, size: int | None, seed: int) -> Labelled:
    assert data.test_inputs is not None
    assert data.test_labels is not None
    if size is None or size >= len(data.test_labels):
        return Labelled(data.test_inputs, data.test_labels)
    kept = torch.randperm(len(data.test_labels), generator=stream(seed, 0, "test"))[:size].sort().values
    return Labelled(take(data.test_inputs, kept.numpy()), data.test_labels[kept])
