"""One split of one table: every method buys its batches, all networks of a step are trained as one."""

import copy
import time
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Generator, nn

from bayesal.data.pool import Pool
from bayesal.learning import SquaredLoss, Streams
from bayesal.loop.streams import stream
from bayesal.posteriors import TrainedNetwork
from bayesal.strategies import Strategy
from bayesal.types import Id, Selection
from benchmarks._bmdal.learning import errors, learned
from benchmarks._bmdal.problems import Problem, problem
from benchmarks._bmdal.setting import Setting

METRICS = ("rmse", "mae", "q95", "maxe")
CHUNK = 1024

Run = dict[str, list[Any]]
"""What became of one method: each metric and, after the first, the seconds of choosing; ``ids`` and ``notes``."""


def run(name: str, split: int, strategies: Mapping[str, Strategy[Any]], setting: Setting) -> dict[str, Run]:
    """All methods start from the same labels and network; in every step their networks start from the same weights.

    What a method is given (table, split, first weights, order of points, random numbers) does not depend on which
    other methods are run.
    """
    given = problem(name, split, setting)
    labelled = {method: list(range(setting.initial)) for method in strategies}
    runs: dict[str, Run] = {method: {key: [] for key in (*METRICS, "seconds", "ids", "notes")} for method in strategies}
    networks = _learn(name, split, 0, given, labelled, runs, setting)
    for step in range(1, setting.steps + 1):
        for method, strategy in strategies.items():
            start = time.process_time()
            generator = stream(split, step, f"select {name}")
            chosen = choose(strategy, networks[method], given, labelled[method], setting.batch, generator=generator)
            runs[method]["seconds"].append(time.process_time() - start)
            runs[method]["ids"].append(list(chosen.ids))
            runs[method]["notes"] += [f"step {step}: {note}" for note in chosen.notes]
            labelled[method] += [int(i) for i in chosen.ids]
        networks = _learn(name, split, step, given, labelled, runs, setting)
    return runs


def choose(
    strategy: Strategy[Any],
    network: nn.Module,
    given: Problem,
    labelled: Sequence[int],
    batch: int,
    *,
    generator: Generator,
) -> Selection:
    """The next batch, seen through the network in float64, which a noise of σ² = 1e-6 asks for."""
    labels: dict[Id, float] = {i: float(given.learn.targets[i]) for i in labelled}
    pool = Pool.of(given.learn.inputs, labels=labels, chunk_size=CHUNK, progress=False)
    belief = TrainedNetwork(copy.deepcopy(network).double(), SquaredLoss().likelihood)
    return strategy(belief, pool, batch, generator=generator)


def _learn(
    name: str,
    split: int,
    step: int,
    given: Problem,
    labelled: Mapping[str, Sequence[int]],
    runs: Mapping[str, Run],
    setting: Setting,
) -> dict[str, nn.Module]:
    """One network a method, measured; at step 0, where all know the same, one for all."""
    groups = {method: [method] for method in labelled} if step else {"": list(labelled)}
    initialisation = Streams.of(stream(split, step, f"initialise {name}")).initialisation
    orders = [Streams.of(stream(split, step, f"order {name} {group}")).order for group in groups]
    positions = [labelled[members[0]] for members in groups.values()]
    streams = [Streams(initialisation, order, 0) for order in orders]
    networks: dict[str, nn.Module] = {}
    for members, network, fit in zip(groups.values(), *learned(given, positions, streams, setting), strict=True):
        found = errors(network, given.test)
        for method in members:
            networks[method] = network
            for metric in METRICS:
                runs[method][metric].append(found[metric])
            if fit.diverged:
                runs[method]["notes"].append(f"step {step}: training diverged after its best epoch, {fit.best_epoch}")
    return networks
