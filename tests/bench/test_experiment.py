"""A run is a matter of its configuration: not of its workers, not of how often it was killed."""

import os
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pandas as pd
import psutil
import pytest
from rich.console import Console

from bayesal import methods
from bayesal.bench.config import configure
from bayesal.bench.experiment import run_experiment
from bayesal.bench.needs import fitting
from bayesal.bench.results import ASKED, COSTS, MEASURED, Outcome, load

SMALL = {
    "data": "digits",
    "methods": ["batchbald"],
    "batch_size": 4,
    "budget": 32,
    "pool_size": 150,
    "test_size": 100,
    "seeds": 2,
    "num_hypotheses": 6,
    "num_configurations": 100,
    "training": {"epochs": 3, "epoch_size": 128},
}


def run(out: Path, **settings) -> Outcome:
    wanted = configure({**SMALL, "out": str(out), "workers": 1, **settings})
    outcome, folder = run_experiment(wanted, Console(file=StringIO()))
    assert folder == out
    return outcome


def found(outcome: Outcome) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What was measured and asked; not what it cost."""
    return outcome.results.drop(columns=list(COSTS)), outcome.labels


def assert_same(one: Outcome, other: Outcome) -> None:
    for ours, theirs in zip(found(one), found(other), strict=True):
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return run(tmp_path_factory.mktemp("run") / "alone")


def test_every_study_is_measured_from_its_initial_labels_to_its_budget(uninterrupted: Outcome):
    assert list(uninterrupted.results.columns) == [*MEASURED, "accuracy", "nll", *COSTS]
    assert list(uninterrupted.labels.columns) == list(ASKED)
    for _, study in uninterrupted.results.groupby(["method", "seed"]):
        assert study["labels"].tolist() == [20, 24, 28, 32]
        assert study["round"].tolist() == [0, 1, 2, 3]
    for _, study in uninterrupted.labels.groupby(["method", "seed"]):
        assert len(study) == study["id"].nunique() == 12


def test_methods_start_paired(uninterrupted: Outcome):
    first = uninterrupted.results[uninterrupted.results["round"] == 0]
    for _, pair in first.groupby("seed"):
        assert pair["accuracy"].nunique() == pair["nll"].nunique() == 1


def test_picks_at_random_have_no_scores(uninterrupted: Outcome):
    asked = uninterrupted.labels.set_index("method")
    assert asked.loc["random", "score"].isna().all()
    assert asked.loc["batchbald", "gain"].notna().all()


def test_the_number_of_workers_changes_nothing(uninterrupted: Outcome, tmp_path: Path):
    assert_same(run(tmp_path / "run", workers=2), uninterrupted)


def test_a_finished_run_is_not_run_again(uninterrupted: Outcome, tmp_path: Path):
    once = run(tmp_path / "run", seeds=1)
    ledgers = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("ledger.sqlite")}
    assert_same(run(tmp_path / "run", seeds=1), once)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("ledger.sqlite")} == ledgers


def test_the_written_configuration_repeats_the_run(uninterrupted: Outcome, tmp_path: Path):
    settings = dict(uninterrupted.config)
    outcome, _ = run_experiment(configure({**settings, "out": str(tmp_path / "again")}), Console(file=StringIO()))
    assert_same(outcome, uninterrupted)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_run_continues_to_the_same_end(uninterrupted: Outcome, tmp_path: Path, workers: int):
    out = tmp_path / "run"
    (tmp_path / "small.yaml").write_text(configure(SMALL).to_yaml())
    line = [sys.executable, "-m", "bayesal", "run", "--config", str(tmp_path / "small.yaml")]
    line += ["--out", str(out), "--workers", str(workers)]
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
        while not list(out.rglob("seed-*/model.safetensors")):  # a first round has been learned
            assert process.poll() is None
            time.sleep(0.02)
        workers_of = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(workers_of, timeout=20)
    assert not (out / "manifest.json").exists()
    assert_same(run(out), uninterrupted)


def test_what_was_written_is_what_was_found(uninterrupted: Outcome, tmp_path: Path):
    outcome = run(tmp_path / "run", seeds=1)
    names = {"config.yaml", "results.parquet", "labels.csv", "manifest.json", "curve.png", "report.html", "studies"}
    assert names <= {path.name for path in (tmp_path / "run").iterdir()}
    written = load(tmp_path / "run")
    assert_same(written, outcome)
    facts = written.manifest["data"]
    assert facts["sizes"] == {"pool": 150, "initial": 20, "validation": 0, "test": 100}
    assert sum(facts["class_counts"]) == 150
    assert written.images is not None
    assert set(outcome.labels["id"]) == set(written.images)


def test_a_run_trains_what_its_method_needs(tmp_path: Path):
    outcome = run(tmp_path / "run", methods=["spn_entropy"], smoke=True, seeds=1)
    assert outcome.config["posterior"] == "spn"
    assert outcome.methods == ["spn_entropy", "random"]


@pytest.mark.filterwarnings("ignore:no pair of hypotheses differs")  # networks hardly trained may agree
@pytest.mark.filterwarnings("ignore:none of the pairs of hypotheses")
@pytest.mark.parametrize(
    ("data", "kind", "posterior"),
    [
        ("digits", "classification", "mc-dropout"),
        ("digits", "classification", "ensemble"),
        ("digits", "classification", "spn"),
        ("diabetes", "regression", "mc-dropout"),
        ("diabetes", "regression", "ensemble"),
    ],
)
def test_every_method_of_the_table_runs(tmp_path: Path, data: str, kind: str, posterior: str):
    suited = [row for row in methods.describe() if row.tasks == "any" or kind in row.tasks]
    if posterior == "spn":  # the only one that counts conceivable labels; to the other methods it is one more ensemble
        suited = [row for row in suited if row.name in ("random", "bald", "spn_entropy", "spn_variation_ratio")]
    suited = [row.name for row in suited if posterior in fitting(row.needs)]
    settings = {"methods": suited, "data": data, "posterior": posterior, "seeds": 1, "smoke": True, "budget": None}
    outcome = run(tmp_path / "run", **settings, pool_size=100, validation=20)  # rho_loss learns from those
    assert outcome.methods == suited
    assert outcome.results["nll"].notna().all()
