"""The command line: what a person types, and the one sentence they get when it cannot be done."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from typer.testing import CliRunner

import bayesal
from bayesal.cli import app
from bayesal.methods import describe

TINY = ["--pool-size", "100", "--test-size", "50", "--seeds", "1", "--epochs", "2", "--epoch-size", "64"]


def bayesal_says(*words: str, code: int = 0) -> str:
    """What the command prints (whitespace in one piece), having ended with this exit code."""
    result = CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output + repr(result.exception)
    return " ".join(result.output.split())


def complaint(*words: str) -> str:
    """The one sentence on stderr that a mistake gets."""
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 2, result.output + repr(result.exception)
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1
    assert "Traceback" not in result.output
    return lines[0]


@pytest.fixture(scope="module")
def a_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished smoke run."""
    out = tmp_path_factory.mktemp("runs") / "smoke"
    said = bayesal_says("run", "digits", "--method", "bald", "--smoke", *TINY, "--out", str(out))
    assert "BALD" in said
    assert f"Report: {out / 'report.html'}" in said
    return out


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a user's own, with a partly labelled table and some models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    rng = np.random.default_rng(0)
    points = rng.normal(size=(80, 3)).round(3)
    kinds = np.array(["cat", "dog"])[(points.sum(1) > 0).astype(int)]
    frame = pd.DataFrame(points, columns=["a", "b", "c"]).assign(id=[f"row{i}" for i in range(80)], kind=kinds)
    frame.loc[20:, "kind"] = None
    frame.to_csv("pets.csv", index=False)
    frame.drop(columns="kind").assign(kind=None).to_csv("new.csv", index=False)
    np.save("points.npy", points.astype(np.float32))
    Path("my_models.py").write_text(
        "import torch\n"
        "from torch import nn\n"
        "from bayesal.posteriors import MCDropout\n"
        "def net():\n"
        "    return nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 2))\n"
        "posterior = MCDropout(net())\n"
        "dead = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 2))\n"
        "def per_row(points):\n"
        "    return nn.functional.dropout(points, 0.5, True)\n"
        "class Noisy:\n"
        "    def draw(self, num_hypotheses, *, generator):\n"
        "        def hypotheses(points):\n"
        "            return torch.distributions.Categorical(logits=torch.randn(len(points), num_hypotheses, 2))\n"
        "        return hypotheses\n"
        "def score(predictions):\n"
        "    return predictions.probs.mean(1).max(1).values\n"
    )
    sys.modules.pop("my_models", None)
    return tmp_path


def test_help_is_fast_and_shows_every_command():
    said = bayesal_says("--help")
    for command in ("demo", "run", "score", "select", "report", "methods", "posteriors", "doctor"):
        assert command in said
        assert "bayesal" in bayesal_says(command, "--help")
    heavy = "import sys, bayesal.cli; print([m for m in ('torch', 'pandas', 'matplotlib') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def test_the_version_is_told():
    assert bayesal_says("--version") == f"bayesal {bayesal.__version__}"


def test_the_tables_have_a_row_for_everything():
    said = bayesal_says("methods")
    assert all(name in said for name in ("batchbald", "powerbald", "random", "variance", "Kirsch et al. 2019"))
    said = bayesal_says("posteriors")
    assert all(name in said for name in ("mc-dropout", "ensemble", "Lakshminarayanan"))


def test_names_of_methods_are_never_cut():
    said = CliRunner().invoke(app, ["methods"], env={"COLUMNS": "80"}).output
    assert all(row.name in said for row in describe())
    assert max(map(len, said.splitlines())) <= 80


def test_methods_are_found_by_what_is_said_of_them():
    said = bayesal_says("methods", "Kirsch", "regression")
    assert "softmaxbald" in said
    assert "batchbald" not in said  # classes only
    assert "deep-kernel-gp" in bayesal_says("posteriors", "GP", "network")
    assert "nothing is said of kmeans xyzzy in the" in complaint("methods", "kmeans", "xyzzy")


def test_a_learner_that_counts_rounds_is_told_the_batch_that_is_asked_for(mine: Path, monkeypatch: pytest.MonkeyPatch):
    asked = []
    monkeypatch.setattr("bayesal.learning.temporal.Temporal.cycles", lambda self, size: asked.append(self) or [size])
    bayesal_says("select", "pets.csv", "--target", "kind", "--method", "tod", "--batch-size", "4", "--smoke")
    assert [learner.batch_size for learner in asked] == [4]


def test_a_run_writes_everything_and_repeats_itself(a_run: Path, tmp_path: Path):
    again = tmp_path / "again"
    bayesal_says("run", "--config", str(a_run / "config.yaml"), "--out", str(again))
    for name in ("config.yaml", "labels.csv", "images.npz"):
        assert (again / name).read_bytes() == (a_run / name).read_bytes()
    assert (again / "report.html").stat().st_size > 10_000


def test_flags_go_before_the_file_and_are_told(a_run: Path, tmp_path: Path):
    said = bayesal_says("run", "--config", str(a_run / "config.yaml"), "--budget", "22", "--out", str(tmp_path / "r"))
    assert re.search(r"From the command line, before \S*config\.yaml: budget 22 \(file: 30\)", said)
    assert pd.read_parquet(tmp_path / "r" / "results.parquet")["labels"].max() == 22


def test_another_run_in_a_folder_is_refused_before_anything_is_written(a_run: Path):
    before = {path: path.read_bytes() for path in a_run.rglob("*") if path.is_file()}
    said = complaint("run", "digits", "--method", "entropy", "--smoke", *TINY, "--out", str(a_run))
    assert "holds another run, with methods ['bald'], not ['entropy']; nothing was touched" in said
    assert {path: path.read_bytes() for path in a_run.rglob("*") if path.is_file()} == before


def test_report_is_rebuilt_from_the_tables(a_run: Path):
    (a_run / "report.html").unlink()
    assert str(a_run / "report.html") in bayesal_says("report", str(a_run))
    assert (a_run / "report.html").exists()


def test_a_report_can_be_against_another_method_of_the_run(a_run: Path):
    said = bayesal_says("report", str(a_run), "--baseline", "bald")
    assert "andom" in said.splitlines()[0]
    assert "BALD" in said.splitlines()[0]
    assert "has no method 'margin' to compare with; it has bald, random" in complaint(
        "report", str(a_run), "--baseline", "margin"
    )


def test_a_partly_labelled_table_tells_what_to_label_next(mine: Path):
    said = bayesal_says("select", "pets.csv", "--target", "kind", "--batch-size", "4", "--smoke")
    chosen = pd.read_csv("next.csv")
    assert "20 of 80 points of pets are labelled" in said
    assert chosen["id"].nunique() == 4
    assert all(i in said and int(i.removeprefix("row")) >= 20 for i in chosen["id"])
    assert list(chosen.columns) == ["id", "score", "gain"]
    bayesal_says("select", "pets.csv", "--target", "kind", "--method", "random", "--smoke", "--out", "blind.csv")
    assert list(pd.read_csv("blind.csv").columns) == ["id"]  # there is nothing that would explain them


def test_choosing_again_chooses_the_same_and_overwrites_nothing(mine: Path):
    for _ in range(2):
        bayesal_says("select", "pets.csv", "--target", "kind", "--method", "powerbald", "--batch-size", "4", "--smoke")
    assert Path("next.csv").read_bytes() == Path("next-2.csv").read_bytes()


def test_where_nothing_is_labelled_the_first_batch_is_random_and_said_to_be(mine: Path):
    said = bayesal_says("select", "new.csv", "--target", "kind", "--batch-size", "5", "--smoke")
    assert "Nothing of new is labelled yet" in said
    assert "drawn at random" in said
    assert len(pd.read_csv("next.csv")) == 5


def test_where_nothing_is_labelled_a_method_that_needs_no_model_chooses_itself(mine: Path):
    said = bayesal_says("select", "new.csv", "--target", "kind", "--batch-size", "5", "--method", "typiclust")
    assert "drawn at random" not in said
    chosen = pd.read_csv("next.csv")
    bayesal_says("select", "new.csv", "--target", "kind", "--batch-size", "5", "--method", "random")
    assert len(chosen) == 5
    assert set(chosen["id"]) != set(pd.read_csv("next-2.csv")["id"])


def test_every_unlabelled_point_is_scored(mine: Path):
    bayesal_says("score", "pets.csv", "--target", "kind", "--smoke", "--out", "scores.parquet")
    scores = pd.read_parquet("scores.parquet")
    assert set(scores["id"]) == {f"row{i}" for i in range(20, 80)}
    assert set(scores["prediction"]) <= {"cat", "dog"}
    assert scores["bald"].is_monotonic_decreasing
    assert (scores["entropy"] >= scores["bald"]).all()


def test_a_finished_run_is_scored_and_chosen_from_without_being_changed(a_run: Path, tmp_path: Path):
    labels = pd.read_csv(a_run / "labels.csv")
    known = set(labels[labels["method"] == "random"]["id"])
    before = {path: path.read_bytes() for path in a_run.rglob("*.csv")}
    out = tmp_path / "scores.csv"
    bayesal_says("score", "--run", str(a_run), "--method", "random", "--out", str(out))
    scores = pd.read_csv(out)
    assert len(scores) == 100 - 30
    assert not known & set(scores["id"])
    said = bayesal_says("select", "--run", str(a_run), "--batch-size", "3", "--out", str(tmp_path / "next.csv"))
    assert "bald with seed 0 has 30 of 100 points labelled" in said
    assert {path: path.read_bytes() for path in a_run.rglob("*.csv")} == before


def test_a_posterior_of_the_users_own_scores_and_chooses_without_labels(mine: Path):
    words = ["points.npy", "--posterior", "my_models:posterior", "--smoke"]
    assert "Wrote the scores of 80 unlabelled points" in bayesal_says("score", *words)
    assert "Label these next" in bayesal_says("select", *words, "--method", "bald", "--batch-size", "3")


def test_a_network_of_the_users_own_is_trained_and_compared(mine: Path):
    words = ["--posterior", "my_models:net", "--method", "entropy", "--smoke", "--target", "kind", "--out", "r"]
    words += ["--batch-size", "2", "--initial", "4", "--budget", "6"]
    assert "Report: r/report.html" in bayesal_says("run", "pets.csv", *words)


def test_the_doctor_finds_a_sound_posterior_sound(mine: Path):
    assert "laws hold" in bayesal_says("doctor", "my_models:net")
    assert "laws hold" in bayesal_says("doctor", "my_models:posterior", "--inputs", "points.npy")


@pytest.mark.parametrize(("target", "sentence"), [("my_models:dead", "dropout"), ("my_models:Noisy", "asked again")])
def test_the_doctor_says_what_is_broken_and_fails(mine: Path, target: str, sentence: str):
    said = bayesal_says("doctor", target, "--inputs", "points.npy", code=1)
    assert "BROKEN" in said
    assert sentence in said


def test_the_doctor_examines_acquisitions_and_rules(mine: Path):
    bayesal_says("doctor", "bayesal.acquisitions:bald", "--as", "acquisition")
    bayesal_says("doctor", "bayesal.selection:top", "--as", "rule")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("run", "the setting 'data' is missing"),
        ("run digitz", "digitz"),
        ("run nowhere.csv", "no file or folder called 'nowhere.csv'"),
        ("run digits --method bold", "there is no method 'bold'; there are"),
        ("run digits --method my_models:nothing", "cannot load the method 'my_models:nothing'"),
        ("run digits --posterior none-such", "there is no posterior 'none-such'"),
        ("run diabetes --method batchbald", "methods that work: "),
        ("run digits --budget 10", "the budget of 10 labels is below the 20 initial ones"),
        ("run digits --budget 5000", "the budget of 5000 labels exceeds the pool of 1258 points"),
        ("run digits --batch-size 2000 --budget 30", "a batch of 2000 was asked for, but the pool has 1238"),
        ("run digits --start bald", "the method bald needs a model, and there is none at the start"),
        ("run digits --strange 10", "strange classes must be different ones of 0 ... 9, but they are [10]"),
        ("run digits --strange 1 --method rho_loss", "rho_loss"),
        ("run diabetes --label-noise 0.1", "has no classes to shift"),
        ("run digits --batch-size 0", "batch_size is 0, but it should be greater than or equal to 1"),
        ("run digits --task ranking", "task is 'ranking', but it should be"),
        ("run digits --target kind", "digits has its own target"),
        ("run --config nowhere.yaml", "there is no configuration at nowhere.yaml"),
        ("run points.npy", "points has no labels, so no run can be simulated on it"),
        ("run digits --posterior my_models:posterior", "cannot be trained: expected a learner"),
        ("score", "name either DATA or, with --run, the folder of a finished run"),
        ("score new.csv --target kind", "there is no model to score with; label some points"),
        ("score pets.csv --target king", "pets.csv has no column 'king'"),
        ("score pets.csv --target kind --smoke --out scores.xlsx", "name it .csv or .parquet"),
        ("select pets.csv --target kind --method bold", "there is no method 'bold'"),
        ("select pets.csv --target kind --smoke --batch-size 500", "only 60 unlabelled points are left"),
        ("select --run .", "is not the folder of a run"),
        ("report .", "is not a finished run"),
        ("doctor my_models", "must be written module:name"),
        ("doctor nowhere:net", "there is no module 'nowhere' in this folder"),
        ("doctor my_models:nothing", "my_models has no 'nothing'"),
        ("doctor my_models:Noisy", "pass some points with --inputs"),
        ("doctor my_models:net --inputs pets.csv", "cannot read inputs from pets.csv"),
    ],
)
def test_a_mistake_gets_one_sentence(mine: Path, line: str, sentence: str):
    assert sentence in complaint(*line.split())
    assert not list(mine.glob("runs/*/studies"))


def test_debug_shows_where_an_error_comes_from():
    result = CliRunner().invoke(app, ["run", "digits", "--method", "bold", "--debug"])
    assert isinstance(result.exception, ValueError)


def test_an_interrupted_run_ends_at_once_says_so_and_leaves_nobody_behind(tmp_path: Path):
    line = [sys.executable, "-m", "bayesal", "run", "digits", "--out", str(tmp_path / "run"), "--workers", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
        while not list((tmp_path / "run").rglob("ledger.sqlite")):
            assert run.poll() is None
            time.sleep(0.05)
        family = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=60)
    assert run.returncode == 130
    assert said.startswith("bayesal: stopped; nothing acknowledged is lost, and the same command continues where it")
    assert len(said.splitlines()) == 1
    assert psutil.wait_procs(family, timeout=20)[1] == []


def test_the_true_command_runs_in_its_own_process(tmp_path: Path):
    command = [str(Path(sys.executable).with_name("bayesal")), "demo", "--smoke", "--out", "demo", "--workers", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "Report: demo/report.html" in done.stdout
    assert (tmp_path / "demo" / "report.html").exists()
    assert sorted(path.name for path in (tmp_path / "demo" / "studies").iterdir()) == ["bald", "batchbald", "random"]
