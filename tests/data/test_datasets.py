"""Sets by name, from tiny files made on the spot: these tests need neither a network nor the real sets."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from bayesal.data import DataSet, load
from bayesal.data.datasets import NAMES
from bayesal.data.fetch import NotReached
from tests.data.test_diamonds import a_table
from tests.data.test_idx import write_folder
from tests.data.test_uci import write_ten_folds, write_twenty_splits


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path_factory):
    def closed(url):
        raise NotReached(f"{url} cannot be reached")

    monkeypatch.delenv("BAYESAL_DATA", raising=False)
    monkeypatch.setenv("BAYESAL_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr("bayesal.data.fetch._must_answer", closed)


def test_digits_are_small_images_split_by_class():
    data = load("digits", seed=1)
    assert data.inputs.shape == (1258, 1, 8, 8)
    assert (data.inputs.min(), data.inputs.max()) == (0, 1)
    shares = data.test_labels.bincount() / (data.test_labels.bincount() + data.labels.bincount())
    assert ((shares - 0.3).abs() < 0.01).all()
    assert not torch.equal(data.labels, load("digits", seed=2).labels)
    assert data.ids.tolist() == load("digits", seed=1).ids.tolist()


def test_diabetes_is_raw_measurements():
    data = load("diabetes")
    assert (data.kind, data.inputs.shape, len(data.test_labels)) == ("regression", (309, 10), 133)
    assert data.inputs[:, 0].min() >= 19  # ages in years, not scaled with the test part in view


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "Fashion_MNIST"])
def test_images_are_found_in_the_data_folder(tmp_path, monkeypatch, name):
    folder = name.lower().replace("_", "-")
    write_folder(tmp_path / folder)
    monkeypatch.setenv("BAYESAL_DATA", str(tmp_path))
    data = load(name)
    assert (data.name, len(data), len(data.test_labels)) == (folder, 12, 5)
    assert data.source == str(tmp_path / folder)


def test_tables_are_found_in_the_data_folder(tmp_path):
    write_twenty_splits(tmp_path / "uci-20split" / "concrete")
    write_ten_folds(tmp_path / "uci-10fold" / "sml")
    (tmp_path / "diamonds").mkdir()
    a_table().to_csv(tmp_path / "diamonds" / "diamonds.csv.gz", index=False)
    assert load("concrete", split=2, root=tmp_path).test_inputs[:, 0].tolist() == [2, 3]
    assert load("concrete", seed=2, root=tmp_path).test_inputs[:, 0].tolist() == [2, 3]
    assert load("sml", split=2, root=tmp_path).test_labels.tolist() == [-2, -12]
    assert len(load("diamonds", root=str(tmp_path))) == 27


def test_tables_come_from_the_network_otherwise(monkeypatch):
    frame = pd.DataFrame(np.random.default_rng(0).random((1030, 9)))
    monkeypatch.setattr("bayesal.data.fetch.openml", lambda name: frame.set_axis([*"abcdefgh", "y"], axis=1))
    data = load("concrete")
    assert (len(data), len(data.test_labels)) == (927, 103)
    assert data.source == "openml.org data set 44959"
    assert "kept" not in data.note
    monkeypatch.setattr("bayesal.data.fetch.openml", lambda name: a_table())
    assert len(load("diamonds")) == 27


@pytest.mark.parametrize("name", ["mnist", "concrete", "sml"])
def test_without_any_way_one_sentence_names_all_three(tmp_path, name):
    started = time.monotonic()
    with pytest.raises(ValueError, match=r"set \$BAYESAL_DATA .*openml\.org.* torchvision .*Tried: ") as error:
        load(name, root=tmp_path)
    assert f"{tmp_path} holds none" in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="it is not set"):
        load(name)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("given", "meant"), [("fashion-minst", "fashion-mnist"), ("Concret", "concrete"), ("dijits", "digits")]
)
def test_an_unknown_name_is_answered_with_close_ones_and_the_list(given, meant):
    with pytest.raises(ValueError, match=f"called '{given}'; did you mean .*{meant}") as error:
        load(given)
    assert all(name in str(error.value) for name in NAMES)


def test_a_path_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ValueError, match=r"no file or folder called .*nowhere\.csv"):
        load(tmp_path / "nowhere.csv")


def test_a_name_wins_over_a_folder_called_so(tmp_path, monkeypatch):
    (tmp_path / "digits.csv").write_text("x,y\n1,0\n2,1\n")
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert len(load("digits")) == 1258
    with pytest.raises(ValueError, match="holds no images"):
        load("./digits")
    with pytest.raises(ValueError, match="holds no images"):
        load(Path("digits"))
    assert len(load("digits.csv")) == 2


@pytest.mark.parametrize("asked", [{"target": "y"}, {"task": "regression"}])
def test_targets_and_tasks_are_for_own_files(asked):
    with pytest.raises(ValueError, match="digits has its own target and task"):
        load("digits", **asked)


def test_a_target_needs_a_table(tmp_path):
    np.savez(tmp_path / "a.npz", X=np.zeros((2, 1)), y=np.arange(2))
    with pytest.raises(ValueError, match="is not a table"):
        load(tmp_path / "a.npz", target="y")


def test_other_files_get_a_sentence(tmp_path):
    (tmp_path / "a.xlsx").write_text("")
    with pytest.raises(ValueError, match=r"cannot read a\.xlsx: expected an \.npz"):
        load(tmp_path / "a.xlsx")


def test_loading_twice_gives_the_same():
    first, second = load("digits", seed=3), load("digits", seed=3)
    assert isinstance(first, DataSet)
    assert torch.equal(first.inputs, second.inputs)
    assert torch.equal(first.test_labels, second.test_labels)
