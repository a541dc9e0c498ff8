"""Batches for regression, the protocol of Holzmüller et al. (2023), reduced: ``python -m benchmarks.bmdal [--smoke]``.

Every method starts from the same 256 labels of a table and buys 8 batches of 64. After each, a new network in NTK
parametrisation (two hidden layers, ReLU) learns from all labels for 256 epochs; the best epoch on 1,024 validation
points is kept (an eighth of the table, where that is fewer). The mean over tables, splits and the 8 steps of the
logarithm of errors at the test fifth is compared; differences are paired by split, intervals Student's, 95 %.
Tables are looked for in ``$BAYESAL_DATA``. A process works on one split of one table at a time; what is in ``--out``
already is not run again.
"""

import argparse
import json
import multiprocessing
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks._bmdal.picture import draw
from benchmarks._bmdal.problems import SYNTHETIC
from benchmarks._bmdal.report import report
from benchmarks._bmdal.runs import Run, run
from benchmarks._bmdal.setting import SMOKE, Setting
from benchmarks._bmdal.strategies import METHODS

TABLES = ("kin40k", "protein", "diamonds", "keggundirected", "bike", "elevators", "pol")


@dataclass(frozen=True)
class Results:
    """A folder of one file a table and split."""

    folder: Path
    setting: Setting

    def read(self, table: str, split: int) -> dict[str, Run]:
        """What there is, by method. Raises ValueError if it is of another setting."""
        path = self._path(table, split)
        if not path.exists():
            return {}
        kept: dict[str, Any] = json.loads(path.read_text())
        if kept["setting"] != asdict(self.setting):
            raise ValueError(f"{path} is of another setting, {kept['setting']}; give another folder to --out")
        return kept["methods"]

    def write(self, table: str, split: int, runs: dict[str, Run]) -> None:
        path = self._path(table, split)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps({"setting": asdict(self.setting), "methods": runs}))
        fresh.replace(path)

    def _path(self, table: str, split: int) -> Path:
        return self.folder / f"{table}.split-{split}.json"


def work(job: tuple[int, str], methods: Sequence[str], results: Results) -> None:
    """Run the methods that this split lacks."""
    torch.set_num_threads(1)
    split, table = job
    known = results.read(table, split)
    missing = {method: METHODS[method].strategy for method in methods if method not in known}
    if missing:
        results.write(table, split, known | run(table, split, missing, results.setting))
    print(f"{table}, split {split}: done", flush=True)


def main() -> None:
    default = Setting()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="a synthetic table, few labels: to see that it runs")
    parser.add_argument("--tables", nargs="*", default=TABLES)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--methods", nargs="*", default=list(METHODS), choices=list(METHODS), metavar="METHOD")
    parser.add_argument("--width", type=int, default=default.width, help="of the hidden layers (256)")
    parser.add_argument("--validation", type=int, default=default.validation, help="points (1,024)")
    parser.add_argument("--pool", type=int, default=default.pool, help="the most points to choose from (all)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="a folder for results; a later call goes on there")
    parser.add_argument("--picture", type=Path, help="draw the means against random into this file")
    given = parser.parse_args()
    setting = replace(default, width=given.width, validation=given.validation, pool=given.pool)
    if given.smoke:
        setting, given.tables, given.splits, given.workers = SMOKE, [SYNTHETIC], 2, 1
    with tempfile.TemporaryDirectory() as temporary:
        results = Results(given.out or Path(temporary), setting)
        results.folder.mkdir(parents=True, exist_ok=True)
        jobs = [(split, table) for split in range(given.splits) for table in given.tables]
        todo = partial(work, methods=given.methods, results=results)
        if given.workers == 1:
            list(map(todo, jobs))
        else:
            with ProcessPoolExecutor(given.workers, multiprocessing.get_context("spawn")) as workers:
                list(workers.map(todo, jobs))
        runs = {t: {s: results.read(t, s) for s in range(given.splits)} for t in given.tables}
    print(f"\n{setting}\n")
    print(report(runs))
    if given.picture is not None:
        draw(runs, given.picture)
    if given.smoke:
        print("\na smoke run: trainings this short mean nothing")


if __name__ == "__main__":
    main()
