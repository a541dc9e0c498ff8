"""Experiments: every method with every seed, each a study of its own that continues where it stopped."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from bayesal.bench.config import RunConfig, SettledConfig
from bayesal.bench.evaluation import evaluate
from bayesal.bench.folder import claim, study_folder
from bayesal.bench.gather import gather, num_cores
from bayesal.bench.learners import learner_of
from bayesal.bench.named import around, method_for, start_for
from bayesal.bench.needs import USUAL
from bayesal.bench.progress import Measured, watcher
from bayesal.bench.protocol import settle
from bayesal.bench.report import write_report
from bayesal.bench.results import Outcome, save
from bayesal.bench.tasks import load_data, make_task
from bayesal.bench.workers import forget_peak_memory, run_jobs
from bayesal.loop.ledger import Ledger
from bayesal.loop.rounds import Round
from bayesal.loop.study import Study


@dataclass(frozen=True)
class Job:
    """One study: a settled configuration, a method, a seed and where it lives."""

    config: SettledConfig
    method: str
    seed: int
    folder: Path


def run_experiment(wanted: RunConfig, console: Console) -> tuple[Outcome, Path]:
    """Run, or continue, every study of the configuration; write the run's folder; return what was found and where.

    The results are the same however many workers there are, and however often the run was interrupted. Raises
    ValueError, before anything is trained or overwritten, for a configuration that cannot be run.
    """
    started = datetime.now(UTC)
    config = settle(wanted, load_data(wanted, wanted.first_seed))
    _check_made(config)
    folder = claim(config)
    jobs = [
        Job(config, method, seed, study_folder(folder, method, seed))
        for seed in config.all_seeds
        for method in config.all_methods
    ]
    rounds = 1 + -(-(config.budget - config.initial) // config.batch_size)
    if wanted.posterior is None and config.posterior != USUAL:
        console.print(f"Every method of this run is given the posterior {config.posterior}.", highlight=False)
    console.print(f"{len(jobs)} studies of {rounds} rounds; they continue if interrupted.", highlight=False)
    with watcher(console, config.all_methods, seeds=config.seeds, rounds=rounds) as watch:
        run_jobs(run_study, jobs, watch, workers=_workers(config), threads=config.threads)
    outcome = gather(config, folder, started=started)
    save(outcome, folder)
    write_report(outcome, folder)
    return outcome, folder


def _check_made(config: SettledConfig) -> None:
    """Raises ValueError for a method that lacks what this run does not have."""
    task = make_task(config, config.first_seed)
    known = around(task, learner_of(config, task.data, task.validation))
    for name in config.all_methods:
        method_for(config, name, known)
    start_for(config, known)


def run_study(job: Job, report: Callable[[Measured], None]) -> None:
    """Run, or continue, one study to its budget."""
    config = job.config
    done = rounds_of(job.folder)
    for last in done[-1:]:
        report(_measured(job, last))
    if done and _bought(config, done[-1]) >= config.budget:
        return
    forget_peak_memory()
    task = make_task(config, job.seed)
    measure = partial(_evaluate, test=task.test, num_hypotheses=config.test_hypotheses)
    learner = learner_of(config, task.data, task.validation)
    with Study.open(
        job.folder,
        pool=task.pool,
        learner=learner,
        method=method_for(config, job.method, around(task, learner)),
        seed=job.seed,
        start=start_for(config, around(task, learner)),
        evaluate=measure,
    ) as study:
        study.run(
            task.oracle,
            budget=config.budget - len(task.pool.labels),
            batch_size=config.batch_size,
            first=config.initial,
            every_answer=config.counts_answers,
            on_round=lambda round_: report(_measured(job, round_)),
        )


def rounds_of(folder: Path) -> Sequence[Round]:
    """The rounds a study has been through so far."""
    if not (folder / "state.json").exists():
        return []
    with Ledger.open(folder / "ledger.sqlite", create=False) as ledger:
        return ledger.rounds()


def _evaluate(belief: Any, generator: torch.Generator, *, test: Any, num_hypotheses: int) -> dict[str, float]:
    return evaluate(belief, test, num_hypotheses=num_hypotheses, generator=generator)


def _bought(config: SettledConfig, round_: Round) -> int:
    """What the budget counts: labels or, where more is bought, answers."""
    return round_.answers if config.counts_answers and round_.answers is not None else round_.labels


def _measured(job: Job, round_: Round) -> Measured:
    metric = next(name for name in ("accuracy", "rmse") if name in round_.metrics)
    config, bought = job.config, _bought(job.config, round_)
    number = -(-(bought - config.initial) // config.batch_size)  # rounds are counted otherwise where a method starts
    unit = "answers" if config.counts_answers else "labels"
    return Measured(job.method, job.seed, max(0, number), bought, metric, round_.metrics[metric], unit)


def _workers(config: SettledConfig) -> int:
    """One a core by default; a smoke run is over before a second one would have started."""
    if config.workers is not None:
        return config.workers
    return 1 if config.smoke else max(1, num_cores() // config.threads)
