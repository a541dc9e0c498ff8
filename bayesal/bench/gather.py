"""What the studies of a run found, as the tables of its outcome."""

import os
import platform
import re
import shlex
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import interpolate

import bayesal
from bayesal.bench.bought import bought_by_round
from bayesal.bench.config import ANSWERS, LABELS, SPENT, SettledConfig
from bayesal.bench.folder import study_folder
from bayesal.bench.learners import learner_of
from bayesal.bench.named import around, heedless, looks_at_nothing, method_for, start_for
from bayesal.bench.results import ASKED, COSTS, MEASURED, NO_LABEL, Outcome
from bayesal.bench.tasks import Task, make_task
from bayesal.loop.ledger import Ledger
from bayesal.loop.rounds import Round

NUMBER = re.compile(r"\d+(\.\d+)?")
PACKAGES = ("torch", "numpy", "scipy", "pandas", "scikit-learn", "pyarrow")
LARGEST_IMAGE = 96  # pixels on the longer side of what a report shows


def gather(config: SettledConfig, folder: Path, *, started: datetime) -> Outcome:
    """The outcome of finished studies."""
    results, labels, notes, said = [], [], [], []
    task = make_task(config, config.first_seed)
    known = around(task, learner_of(config, task.data, task.validation))
    start = start_for(config, known)
    tasks = {} if config.cost is None else {seed: make_task(config, seed) for seed in config.all_seeds}
    for method in config.all_methods:
        strategy = method_for(config, method, known)
        said += [f"{note}." for note in heedless(config, method, known)]
        for seed in config.all_seeds:
            with Ledger.open(study_folder(folder, method, seed) / "ledger.sqlite", create=False) as ledger:
                results += _rounds(config, method, seed, ledger, tasks.get(seed, task))
                for line in ledger.history():
                    chooser = start if start is not None and line["round"] == 0 else strategy
                    labels.append({"method": method, "seed": seed, **_shown(line, chooser)})
                notes += [(method, seed, round_, note) for round_, note in _said(ledger)]
    return Outcome(
        config=config.model_dump(mode="json", exclude={"out"}),
        results=_results_table(results),
        labels=pd.DataFrame(labels, columns=list(ASKED)),
        manifest=_manifest(config, task, started=started, notes=[*said, *_in_short(notes)]),
        images=_images(task, _first_asked(config, labels)) if task.data.image else None,
        class_names=task.data.class_names or None,
    )


def _first_asked(config: SettledConfig, labels: list[dict[str, Any]]) -> list[Any]:
    """The points asked with the first seed, whose pictures a report shows."""
    return list(dict.fromkeys(line["id"] for line in labels if line["seed"] == config.first_seed))


def _shown(line: dict[str, Any], chooser: Any) -> dict[str, Any]:
    """Picks of a method that looked at nothing have no scores to show."""
    scores = {"score": None, "gain": None} if looks_at_nothing(chooser) else {}
    return {**line, "label": NO_LABEL if line["label"] is None else line["label"], **scores}


def _rounds(config: SettledConfig, method: str, seed: int, ledger: Ledger, task: Task) -> list[dict[str, Any]]:
    """What was measured. Where more is counted than labels, the last model is what the whole budget buys: the last
    answers were no labels, so that nothing was learned from them, or what was left did not pay for another point."""
    bought = bought_by_round(config, ledger, task)
    rows = [
        {**_measured(method, seed, round_), **counts} for round_, counts in zip(ledger.rounds(), bought, strict=True)
    ]
    if rows and config.counts != LABELS and rows[-1][config.counts] < config.budget:
        end = {"round": rows[-1]["round"] + 1, config.counts: config.budget, **dict.fromkeys(COSTS, np.nan)}
        rows.append({**rows[-1], **end})
    return rows


def _measured(method: str, seed: int, round_: Round) -> dict[str, Any]:
    cost = {name: getattr(round_, name) for name in COSTS}
    return {"method": method, "seed": seed, "round": round_.round, "labels": round_.labels, **round_.metrics, **cost}


def _results_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(rows)
    counts = [name for name in (ANSWERS, SPENT) if name in table.columns]
    metrics = [name for name in table.columns if name not in (*MEASURED, *counts, *COSTS)]
    return table.reindex(columns=[*MEASURED, *counts, *metrics, *COSTS])


def _said(ledger: Ledger) -> Iterator[tuple[int, str]]:
    """What the method had to say about its batches."""
    for event in ledger.events():
        if event.kind == "asked" and event.round is not None:
            yield from ((event.round, note) for note in event.body["notes"])


def _in_short(notes: list[tuple[str, int, int, str]]) -> list[str]:
    """Notes that differ in their numbers only are told once, with how often they were said."""
    alike: dict[tuple[str, str], list[tuple[str, int, int, str]]] = {}
    for said in notes:
        alike.setdefault((said[0], NUMBER.sub("#", said[3])), []).append(said)
    told = []
    for same in alike.values():
        method, seed, round_, note = same[0]
        batches = "1 batch" if len(same) == 1 else f"{len(same)} batches"
        told.append(f"{method}, in {batches} (first with seed {seed} in round {round_}): {note}")
    return told


def _manifest(config: SettledConfig, task: Task, *, started: datetime, notes: list[str]) -> dict[str, Any]:
    data = task.data
    assert data.labels is not None
    sizes = {
        "pool": len(task.pool),
        "initial": config.initial,
        "validation": config.validation,
        "test": len(task.test),
    }
    facts: dict[str, Any] = {
        "name": data.name,
        "source": data.source,
        "note": data.note,
        "task": data.kind,
        "sizes": sizes,
    }
    if data.kind == "classification":
        known = data.labels[data.known]
        facts["class_counts"] = torch.bincount(known, minlength=len(data.class_names)).tolist()
        if strange := len(data) - len(known):
            sizes["strange"] = strange
    versions = {"bayesal": bayesal.__version__, "python": platform.python_version()}
    return {
        "data": facts,
        "versions": versions | {package: version(package) for package in PACKAGES},
        "machine": {"system": platform.platform(), "processor": platform.machine(), "cores": num_cores()},
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "notes": notes,
    } | ({"command": shlex.join(["bayesal", *sys.argv[1:]])} if Path(sys.argv[0]).name == "bayesal" else {})


def num_cores() -> int:
    """Those this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _images(task: Task, ids: list[Any]) -> dict[Any, np.ndarray]:
    """What the asked points look like, small."""
    if not ids:
        return {}
    images = _small(task.pool.gather(ids))
    return dict(zip(ids, images.numpy(), strict=True))


def _small(images: Tensor) -> Tensor:
    longest = max(images.shape[-2:])
    if longest <= LARGEST_IMAGE:
        return images
    scale = LARGEST_IMAGE / longest
    return interpolate(images, scale_factor=scale, mode="area")
