import json
import os
from pathlib import Path

import pytest
import torch

import bayesal as bal
from tests.loop.toys import (
    N,
    ToyMethod,
    open_toy,
    oracle,
    toy_pool,
    truth,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "mine"


def test_a_study_has_its_files_and_no_pickle(folder):
    with open_toy(folder) as study:
        study.run(oracle, budget=20)
        assert study.path == folder
    assert sorted(os.listdir(folder)) == ["ledger.sqlite", "model.safetensors", "run.lock", "state.json"]
    state = json.loads((folder / "state.json").read_text())
    assert state["schema"] == 1
    assert state["seed"] == 3
    assert state["method"] == "ToyMethod(shake=0.5)"
    assert state["points"] == N
    assert len(state["ids_sha256"]) == len(state["given_labels_sha256"]) == 64


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seed": 4}, "opened with the seed 3, but now it is 4"),
        ({"method": ToyMethod(0.1)}, r"the method ToyMethod\(shake=0.5\), but now it is ToyMethod\(shake=0.1\)"),
        ({"pool": bal.Pool.of(torch.zeros(N, 1))}, "the hash of the pool's ids"),
        ({"pool": bal.Pool.of(torch.zeros(3, 1))}, "the number of points 200, but now it is 3"),
        ({"pool": toy_pool({0: 1})}, "the hash of the labels given with the pool"),
    ],
)
def test_another_study_in_the_folder_gets_a_sentence_and_is_not_touched(folder, changes, sentence):
    with open_toy(folder) as study:
        study.run(oracle, budget=10)
    before = {name: (folder / name).read_bytes() for name in os.listdir(folder)}
    with pytest.raises(ValueError, match=sentence):
        open_toy(folder, **changes)
    assert {name: (folder / name).read_bytes() for name in os.listdir(folder)} == before


def test_a_lost_state_file_is_made_again_from_the_ledger_but_only_for_the_same_study(folder):
    with open_toy(folder) as study:
        study.run(oracle, budget=10)
    state = (folder / "state.json").read_bytes()
    (folder / "state.json").unlink()
    with pytest.raises(ValueError, match="opened with the seed 3, but now it is 4"):
        open_toy(folder, seed=4)
    assert not (folder / "state.json").exists()
    with open_toy(folder) as study:
        assert len(study.labels) == 10
    assert (folder / "state.json").read_bytes() == state


def test_a_lost_ledger_is_not_replaced_by_an_empty_one(folder):
    with open_toy(folder) as study:
        study.run(oracle, budget=10)
    (folder / "ledger.sqlite").unlink()
    with pytest.raises(ValueError, match="is empty or missing, but its study has been opened before"):
        open_toy(folder)
    assert not (folder / "ledger.sqlite").exists()


def test_a_corrupt_ledger_or_state_gets_a_sentence(folder):
    open_toy(folder).close()
    (folder / "ledger.sqlite").write_bytes(os.urandom(9000))
    with pytest.raises(ValueError, match=r"is not a SQLite database .* not touched"):
        open_toy(folder)
    (folder / "state.json").write_text("{")
    with pytest.raises(ValueError, match=r"is not readable JSON .* not touched"):
        open_toy(folder)


def test_a_file_in_its_place_gets_a_sentence(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match=r"a study lives in a folder, but .*file is a file"):
        open_toy(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_full_disk_gets_a_sentence_loses_nothing_and_the_study_goes_on(folder, tmp_path):
    with open_toy(tmp_path / "whole") as whole:
        whole.run(oracle, budget=40)
        expected = whole.history()
    with open_toy(folder) as study:
        study.run(oracle, budget=20)
        connection = study._ledger._connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(OSError, match=r"could not be written \(database or disk is full\): this call was not"):
            study.run(oracle, budget=10_000)
        assert {key: truth(key) for key in study.labels} == study.labels
        assert len(study.labels) >= 20
    with open_toy(folder) as study:
        study.run(oracle, budget=40)
        assert study.history() == expected
