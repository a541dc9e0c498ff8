"""Tasks: a data set and a seed become a pool with its first labels, an oracle, and points to test on."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from bayesal.bench.config import RunConfig, SettledConfig
from bayesal.data.costs import check_priced
from bayesal.data.dataset import DataSet, Kind, Stored
from bayesal.data.datasets import load
from bayesal.data.derived import take
from bayesal.data.pool import Pool
from bayesal.data.shift import irrelevant, label_noise, repeated, strangers
from bayesal.data.sources import source_of
from bayesal.data.split import split
from bayesal.loop.annotators import Repeat
from bayesal.loop.answers import Oracle
from bayesal.loop.streams import stream
from bayesal.types import Id, Ids, Label

TEST_FRACTION = 0.3  # of a data set that comes without a test part
MOST_TARGETS = 1_000  # held out of a shifted pool, and at most a tenth of the data set


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

    ``pool`` knows its initial labels, unless a method chooses them; ``answers`` knows all there are. ``data`` is what
    they were taken from. ``targets``, where the pool is shifted: inputs without labels, held out of the pool and
    distributed like the test points.
    """

    data: DataSet
    pool: Pool
    answers: Mapping[Id, Label]
    validation: tuple[Tensor, Tensor] | None
    test: Labelled
    targets: Tensor | None = None
    annotators: tuple[Mapping[Id, Label], ...] = ()
    """What each of those who answer says, where that is not ``answers``."""

    @property
    def kind(self) -> Kind:
        return self.data.kind

    @property
    def oracle(self) -> Oracle:
        """Answers the truth, or what annotators who err say, or what most of several agree on; None where a point is
        of none of the classes."""
        if len(self.annotators) < 2:
            return partial(_answer, self.annotators[0] if self.annotators else self.answers)
        asked = {f"annotator {number}": partial(_answer, said) for number, said in enumerate(self.annotators, start=1)}
        return Repeat(asked, times=len(asked), agree=len(asked) // 2 + 1)


def load_data(config: RunConfig, seed: int) -> DataSet:
    """The data set of a run, for one seed: what is labelled of it, with a test part."""
    data = load(config.data, seed=seed, target=config.target, task=config.task, cost=config.cost)
    if not bool(data.known.any()):
        raise ValueError(
            f"{data.name} has no labels, so no run can be simulated on it; bayesal select chooses what to label"
        )
    if not bool(data.known.all()):
        data = data.take(torch.nonzero(data.known).squeeze(1))
    if data.test_labels is None:
        data = split(data, test_fraction=TEST_FRACTION, seed=seed)
    if config.strange is not None:
        return strangers(data, config.strange)
    return data if config.relevant is None else irrelevant(data, config.relevant)


def make_task(config: SettledConfig, seed: int) -> Task:
    """The task of a settled configuration and a seed.

    In the order of one seeded shuffle: validation points and, if the pool is shifted, targets, both distributed like
    the test points; then the initial labels (the same number of each class as far as there are enough; none where a
    method chooses them); then the rest
    of the pool, without most of the rare classes and cut to ``pool_size``; then the pool is repeated. Raises ValueError
    where labels have prices and that of a point of the pool is not known.
    """
    data = load_data(config, seed)
    assert data.labels is not None
    order = torch.randperm(len(data), generator=stream(seed, 0, "split")).numpy()
    known = data.known.numpy()
    held_out, targets, rest = _held_out(config, data, order)
    initial = rest[:0] if config.start is not None else _initial(data, rest[known[rest]], config.initial)
    others = rest[~np.isin(rest, initial)]
    others = _without_most(config, data, others)
    if config.pool_size is not None:
        others = others[: max(0, config.pool_size - len(initial))]
    points = source_of(data.inputs)[0]
    validation = (points.gather(held_out), data.labels[torch.from_numpy(held_out)]) if len(held_out) else None
    target_inputs = points.gather(targets) if len(targets) else None
    kept = np.sort(np.concatenate([initial, others]))
    data = data.take(kept)
    if config.cost is not None:
        check_priced(data, np.ones(len(data), dtype=bool), config.cost)
    if config.repeat > 1:
        data = repeated(data, config.repeat, noise=config.noise, generator=stream(seed, 0, "noise"))
    first = data.ids[np.searchsorted(kept, initial)].tolist()  # where repeated: the first copies
    answers = data.answers
    pool = Pool.of(data.inputs, ids=data.ids, labels={i: answers[i] for i in first}, progress=False)
    test = _test(data, config.test_size, seed)
    return Task(data, pool, answers, validation, test, target_inputs, _annotators(config, data, seed))


def _answer(answers: Mapping[Id, Label], ids: Ids) -> dict[Id, Label | None]:
    return {i: answers.get(i) for i in ids}


def _annotators(config: SettledConfig, data: DataSet, seed: int) -> tuple[Mapping[Id, Label], ...]:
    """Each errs by a stream of its own, the same for every method of the seed."""
    number, rate = config.repeat_answers, config.label_noise
    if rate is None:
        return (data.answers,) * number if number > 1 else ()
    streams = [stream(seed, 0, f"label noise {one}") for one in range(number)]
    return tuple(label_noise(data, rate, generator=own).answers for own in streams)


def num_targets_of(data: DataSet) -> int:
    """How many points are held out of a shifted pool to stand for the test points."""
    return max(1, min(MOST_TARGETS, len(data) // 10))


def _held_out(config: SettledConfig, data: DataSet, order: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Validation points, targets and the rest. Of a shifted pool, the first two are distributed like the test points:
    a model that stops early by other points learns to be right about those."""
    if not config.shifted:
        return order[: config.validation], order[:0], order[config.validation :]
    # From the end of the shuffle: the pool may be cut to the beginning, which would lack them.
    alike = order[::-1].copy()
    alike = alike[data.known.numpy()[alike]]
    if config.relevant is not None:
        assert data.labels is not None
        alike = alike[data.labels.numpy()[alike] < len(config.relevant)]
    held_out, alike = alike[: config.validation], alike[config.validation :]
    targets = alike[: num_targets_of(data)]
    return held_out, targets, order[~np.isin(order, np.concatenate([held_out, targets]))]


def _without_most(config: SettledConfig, data: DataSet, points: np.ndarray) -> np.ndarray:
    """Only the first ``rare_share`` of each rare class, spread evenly over the others: the pool may be cut."""
    if config.rare is None:
        return points
    assert data.labels is not None
    labels = data.labels.numpy()[points]
    turn = np.full(len(points), np.inf)  # from 0 to 1, each point's place among those that are kept of its kind
    for value in config.rare:
        here = np.flatnonzero(labels == value)
        here = here[: round(config.rare_share * len(here))]
        turn[here] = np.arange(len(here)) / max(1, len(here))
    common = np.flatnonzero(~np.isin(labels, config.rare))
    turn[common] = np.arange(len(common)) / max(1, len(common))
    order = np.argsort(turn, kind="stable")
    return points[order[np.isfinite(turn[order])]]


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
