"""Where a choice is made from: a pool and a belief, out of a run, a data set, or a posterior of the user's own."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bayesal.bench.config import RunConfig, SettledConfig
from bayesal.bench.folder import read_run, study_folder
from bayesal.bench.learners import fixed_posterior, learner_of
from bayesal.bench.named import Around, around, method_for
from bayesal.bench.protocol import settle
from bayesal.bench.tasks import load_data, make_task
from bayesal.bench.workers import on_threads
from bayesal.data.costs import check_priced
from bayesal.data.dataset import DataSet
from bayesal.data.datasets import load
from bayesal.data.pool import Pool
from bayesal.loop.streams import stream
from bayesal.loop.study import Study

SMOKE_POOL = 200


@dataclass(frozen=True, eq=False)
class Situation:
    """A pool, what is believed about it (None where nothing is labelled yet), and a sentence about both."""

    config: SettledConfig
    data: DataSet
    pool: Pool
    belief: Any
    note: str
    around: Around = field(default_factory=Around)


def from_run(folder: Path, *, method: str | None, seed: int | None) -> Situation:
    """Where one study of a run stands: its pool, and its belief, learned again to the same weights. What was asked
    without getting a label is not chosen again.

    Raises ValueError for a folder that is no run, or a study it does not have or has not begun.
    """
    wanted = read_run(folder)
    seed = wanted.first_seed if seed is None else seed
    name = wanted.all_methods[0] if method is None else method
    if name not in wanted.all_methods or seed not in wanted.all_seeds:
        raise ValueError(
            f"{folder} has no study of {name} with seed {seed}; it has {', '.join(wanted.all_methods)} "
            f"with seeds {wanted.all_seeds[0]} to {wanted.all_seeds[-1]}"
        )
    path = study_folder(folder, name, seed)
    if not (path / "ledger.sqlite").exists():
        raise ValueError(f"the run in {folder} has not begun {name} with seed {seed} yet; run it first")
    config = settle(wanted, load_data(wanted, seed))
    task = make_task(config, seed)
    learner = learner_of(config, task.data, task.validation)
    known = around(task, learner)
    strategy = method_for(config, name, known)
    with Study.open(path, pool=task.pool, learner=learner, method=strategy, seed=seed) as study:
        pool, vain = study.pool, set(study.skipped)
        note = f"in {folder}, {name} with seed {seed} has {len(pool.labels)} of {len(pool)} points labelled"
        if vain:
            pool = pool.only([key for key in pool.unlabelled.tolist() if key not in vain])
            note += f"; {len(vain)} got no label and are not asked again"
        with on_threads(config.threads):  # else sums would differ in their last digits, and so the belief
            return Situation(config, task.data, pool, study.belief, note, known)


def from_data(wanted: RunConfig, *, seed: int) -> Situation:
    """A data set of which some points are labelled; the model is trained on those.

    A posterior of the user's own that needs no training is taken as it is. Where nothing is labelled there is nothing
    to believe. A data set labelled throughout is taken as an exercise, of which only the initial labels are known.
    """
    data = load(wanted.data, seed=seed, target=wanted.target, task=wanted.task, cost=wanted.cost)
    fixed = None if wanted.posterior is None else fixed_posterior(wanted.posterior)
    known = int(data.known.sum())
    if fixed is None and known == len(data):
        config = settle(wanted, load_data(wanted, seed))
        task = make_task(config, seed)
        said = f"all of {data.name} is labelled; as an exercise, only {config.initial} labels are taken as known"
        return _trained(config, task.data, task.pool, said, seed, task.validation)
    config = settle(wanted, data, simulated=False)
    pool = Pool.of(data.inputs, ids=data.ids, labels=data.answers)
    if config.cost is not None:
        check_priced(data, ~data.known.numpy(), config.cost)
    if config.smoke:
        pool = pool.only(pool.unlabelled[:SMOKE_POOL])
    if fixed is not None:
        return Situation(
            config, data, pool, fixed, f"{wanted.posterior} is taken as it is, for {len(pool)} points", _about(data)
        )
    if known == 0:
        return Situation(config, data, pool, None, f"nothing of {data.name} is labelled yet", _about(data))
    return _trained(config, data, pool, f"{known} of {len(data)} points of {data.name} are labelled", seed)


def _trained(
    config: SettledConfig, data: DataSet, pool: Pool, note: str, seed: int, validation: Any = None
) -> Situation:
    learner = learner_of(config, data, validation)
    with on_threads(config.threads):
        belief = learner(pool, stream(seed, 0, "learn"))
    return Situation(config, data, pool, belief, note, _about(data, learner, validation))


def _about(data: DataSet, learner: Any = None, validation: Any = None) -> Around:
    return Around(learner, validation, costs=data.prices, amounts=data.kind == "regression")
