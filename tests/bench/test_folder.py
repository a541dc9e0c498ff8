"""A run's folder is its own: the same run continues in it, and nothing of another is ever overwritten."""

from pathlib import Path

import pytest

from bayesal.bench.config import RunConfig, SettledConfig
from bayesal.bench.folder import claim, read_run, study_folder
from bayesal.bench.protocol import settle
from bayesal.bench.tasks import load_data


def settled(**settings) -> SettledConfig:
    wanted = RunConfig(**{"data": "digits", **settings})
    return settle(wanted, load_data(wanted, 0))


def test_the_same_run_continues_in_its_folder_on_any_number_of_workers(tmp_path: Path):
    out = str(tmp_path / "run")
    assert claim(settled(out=out)) == claim(settled(out=out, workers=3)) == tmp_path / "run"
    assert settle(read_run(tmp_path / "run"), load_data(RunConfig(data="digits"), 0)).same_run(settled())


def test_another_run_leaves_the_folder_alone_and_says_how_they_differ(tmp_path: Path):
    claim(settled(out=str(tmp_path / "run"), budget=60))
    before = (tmp_path / "run" / "config.yaml").read_bytes()
    with pytest.raises(ValueError, match="holds another run, with budget 60, not 70; nothing was touched") as caught:
        claim(settled(out=str(tmp_path / "run"), budget=70))
    assert "--out" in str(caught.value)
    assert (tmp_path / "run" / "config.yaml").read_bytes() == before


def test_a_folder_of_something_else_and_a_file_are_left_alone(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds something that is not a run; nothing was touched"):
        claim(settled(out=str(tmp_path)))
    with pytest.raises(ValueError, match="is a file; nothing was touched"):
        claim(settled(out=str(tmp_path / "thesis.txt")))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["thesis.txt"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match=r"cannot make the folder .* \(Not a directory\); choose another with --out"):
        claim(settled(out=str(tmp_path / "file" / "run")))


def test_without_a_name_the_first_free_folder_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert claim(settled(budget=60)) == Path("runs/digits")
    assert claim(settled(budget=70)) == Path("runs/digits-2")
    assert claim(settled(budget=60)) == Path("runs/digits")
    assert claim(settled(budget=70)) == Path("runs/digits-2")


def test_methods_of_the_users_own_have_a_folder_of_their_own(tmp_path: Path):
    assert study_folder(tmp_path, "my.methods:thing", 3) == tmp_path / "studies" / "my.methods-thing" / "seed-3"


def test_a_folder_that_is_no_run_is_told(tmp_path: Path):
    with pytest.raises(ValueError, match=r"is not the folder of a run: it has no config.yaml"):
        read_run(tmp_path)
