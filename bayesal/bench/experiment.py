"""Experiments: every method with every seed, each a study of its own that continues where it stopped."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from bayesal.bench.bought import bought_by_round, bought_until, check_budget, paid, typical_price
from bayesal.bench.config import RunConfig, SettledConfig
from bayesal.bench.evaluation import evaluate
from bayesal.bench.folder import claim, study_folder
from bayesal.bench.gather import gather, num_cores
from bayesal.bench.learners import learner_of
from bayesal.bench.named import Around, around, heedless, method_for, start_for
from bayesal.bench.needs import USUAL
from bayesal.bench.progress import Measured, watcher
from bayesal.bench.protocol import settle
from bayesal.bench.report import write_report
from bayesal.bench.results import COUNTED, Outcome, save
from bayesal.bench.tasks import Task, load_data, make_task
from bayesal.bench.workers import forget_peak_memory, run_jobs
from bayesal.loop.ledger import Ledger
from bayesal.loop.rounds import Round
from bayesal.loop.study import Study


@dataclass(frozen=True)
class Job:
    """One study: a settled configuration, a method, a seed and where it lives. ``price``: what a label costs in the
    mean, in the units of the budget."""

    config: SettledConfig
    method: str
    seed: int
    folder: Path
    price: float = 1.0

    @property
    def rounds(self) -> int:
        """About how many it will have, the one before any batch included; exact where all labels cost the same."""
        return 1 + self.batches(self.config.budget)

    def batches(self, bought: float | int) -> int:
        """After about how many batches so much is bought; rounds are counted otherwise where a method starts."""
        return max(0, math.ceil((bought / self.price - self.config.initial) / self.config.batch_size))


def run_experiment(wanted: RunConfig, console: Console) -> tuple[Outcome, Path]:
    """Run, or continue, every study of the configuration; write the run's folder; return what was found and where.

    The results are the same however many workers there are, and however often the run was interrupted. Raises
    ValueError, before anything is trained or overwritten, for a configuration that cannot be run.
    """
    started = datetime.now(UTC)
    config = settle(wanted, load_data(wanted, wanted.first_seed))
    known = _check_made(config)
    check_budget(config)
    folder = claim(config)
    jobs = [
        Job(config, method, seed, study_folder(folder, method, seed), typical_price(known.costs))
        for seed in config.all_seeds
        for method in config.all_methods
    ]
    rounds = jobs[0].rounds
    if wanted.posterior is None and config.posterior != USUAL:
        console.print(f"Every method of this run is given the posterior {config.posterior}.", highlight=False)
    for note in (note for name in config.all_methods for note in heedless(config, name, known)):
        console.print(f"{note}.", highlight=False)
    about = "" if config.cost is None else "about "
    console.print(f"{len(jobs)} studies of {about}{rounds} rounds; they continue if interrupted.", highlight=False)
    with watcher(console, config.all_methods, seeds=config.seeds, rounds=rounds) as watch:
        run_jobs(run_study, jobs, watch, workers=_workers(config), threads=config.threads)
    outcome = gather(config, folder, started=started)
    save(outcome, folder)
    write_report(outcome, folder)
    return outcome, folder


def _check_made(config: SettledConfig) -> Around:
    """What a run knows for its methods. Raises ValueError for a method that lacks what this run does not have."""
    task = make_task(config, config.first_seed)
    known = around(task, learner_of(config, task.data, task.validation))
    for name in config.all_methods:
        method_for(config, name, known)
    start_for(config, known)
    return known


def run_study(job: Job, report: Callable[[Measured], None]) -> None:
    """Run, or continue, one study to its budget."""
    config = job.config
    task = None if config.cost is None else make_task(config, job.seed)  # which says what was spent
    if _continued(job, task, report):
        return
    forget_peak_memory()
    task = make_task(config, job.seed) if task is None else task
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
            budget=config.budget - paid(task.data.prices, task.pool.labels),
            batch_size=config.batch_size,
            first=config.initial,
            costs=task.data.prices,
            every_answer=config.counts_answers,
            on_round=lambda round_: report(_measured(job, task, round_)),
        )
    _continued(job, task, report)


def _continued(job: Job, task: Task | None, report: Callable[[Measured], None]) -> bool:
    """Whether the study is done; reports how far it is if it has begun."""
    if not (job.folder / "state.json").exists():
        return False
    with Ledger.open(job.folder / "ledger.sqlite", create=False) as ledger:
        rounds, events = ledger.rounds(), ledger.events()
    if not rounds:
        return False
    news = _measured(job, task, rounds[-1])
    done = news.labels >= job.config.budget or events[-1].kind == "stopped"
    report(news._replace(round=job.rounds - 1) if done else news)
    return done


def _evaluate(belief: Any, generator: torch.Generator, *, test: Any, num_hypotheses: int) -> dict[str, float]:
    return evaluate(belief, test, num_hypotheses=num_hypotheses, generator=generator)


def _measured(job: Job, task: Task | None, round_: Round) -> Measured:
    metric = next(name for name in ("accuracy", "rmse") if name in round_.metrics)
    counts = job.config.counts
    bought = _bought(job, task, round_).get(counts, round_.labels)
    number = max(0, min(job.batches(bought), job.rounds - 2))  # the last is told when nothing follows it
    return Measured(job.method, job.seed, number, bought, metric, round_.metrics[metric], COUNTED[counts])


def _bought(job: Job, task: Task | None, round_: Round) -> dict[str, float | int]:
    if job.config.cost is None or task is None:
        return bought_until(job.config, round_)
    with Ledger.open(job.folder / "ledger.sqlite", create=False) as ledger:
        return bought_by_round(job.config, ledger, task)[-1]


def _workers(config: SettledConfig) -> int:
    """One a core by default; a smoke run is over before a second one would have started."""
    if config.workers is not None:
        return config.workers
    return 1 if config.smoke else max(1, num_cores() // config.threads)
