"""No test here reaches the network: the downloaders are replaced."""

import socket
import sys
import time
import types
import urllib.error
import urllib.request

import numpy as np
import pandas as pd
import pytest
import torch

from bayesal.data import fetch
from bayesal.data.fetch import NotReached, fetched_images, fetched_table


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BAYESAL_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def online(monkeypatch):
    monkeypatch.setattr(fetch, "_must_answer", lambda url: None)


def pixels(rows=70_000):
    frame = pd.DataFrame(np.zeros((rows, 785), dtype=np.uint8))
    frame[0] = np.arange(rows) % 251
    frame[784] = pd.Categorical((np.arange(rows) % 10).astype(str))
    return frame


def openml_gives(monkeypatch, frame):
    asked = []

    def fetch_openml(*, data_id, data_home, as_frame, parser, n_retries):
        asked.append((data_id, socket.getdefaulttimeout()))
        return types.SimpleNamespace(data=frame.iloc[:, :-1], target=frame.iloc[:, -1])

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch_openml)
    return asked


def test_a_table_is_fetched_once_and_kept(cache, online, monkeypatch):
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]})
    asked = openml_gives(monkeypatch, frame)
    got, source = fetched_table("concrete")
    assert got.equals(frame)
    assert source == "openml.org data set 44959"
    again, source = fetched_table("concrete")
    assert again.equals(frame)
    assert source == str(cache / "concrete.parquet")
    assert [number for number, _ in asked] == [44959]


def test_a_download_that_stands_still_is_bounded_and_the_setting_restored(online, monkeypatch):
    asked = openml_gives(monkeypatch, pd.DataFrame({"x": [1.0], "y": [3.0]}))
    fetched_table("concrete")
    assert asked[0][1] == fetch.STALL_AFTER
    assert socket.getdefaulttimeout() is None


def test_images_come_from_openml_with_the_train_part_first(cache, online, monkeypatch):
    openml_gives(monkeypatch, pixels())
    parts, source = fetched_images("mnist")
    assert source == "openml.org data set 554"
    assert {name: values.shape for name, values in parts.items()} == {
        "inputs": (60_000, 28, 28),
        "labels": (60_000,),
        "test_inputs": (10_000, 28, 28),
        "test_labels": (10_000,),
    }
    assert parts["inputs"][:5, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert parts["test_labels"][:3].tolist() == [0, 1, 2]
    kept, source = fetched_images("mnist")
    assert source == str(cache / "mnist.npz")
    assert all(np.array_equal(kept[part], parts[part]) for part in parts)


def test_a_table_of_another_size_is_refused(online, monkeypatch):
    openml_gives(monkeypatch, pixels(100))
    with pytest.raises(NotReached, match="another data set"):
        fetched_images("mnist")


def test_images_come_from_torchvision_when_openml_is_closed(monkeypatch):
    class MNIST:
        def __init__(self, root, train, download):
            self.data = torch.full((6 if train else 2, 28, 28), 7, dtype=torch.uint8)
            self.targets = torch.arange(6 if train else 2)

    def only_torchvision(url):
        if "openml" in url:
            raise NotReached("openml is closed")

    vision = types.ModuleType("torchvision")
    vision.datasets = types.SimpleNamespace(MNIST=MNIST)
    monkeypatch.setitem(sys.modules, "torchvision", vision)
    monkeypatch.setattr(fetch, "_must_answer", only_torchvision)
    parts, source = fetched_images("mnist")
    assert source == "torchvision"
    assert parts["inputs"].shape == (6, 28, 28)
    assert parts["test_labels"].tolist() == [0, 1]


def test_every_closed_way_is_told(monkeypatch):
    def closed(url):
        raise NotReached(f"{url} is closed")

    monkeypatch.setattr(fetch, "_must_answer", closed)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(NotReached, match=r"openml\.org is closed; torchvision cannot be imported"):
        fetched_images("mnist")


def test_a_downloader_that_fails_is_told(online, monkeypatch):
    def broken(**_):
        raise urllib.error.URLError("reset")

    monkeypatch.setattr("sklearn.datasets.fetch_openml", broken)
    with pytest.raises(NotReached, match="did not give data set 44959"):
        fetched_table("concrete")


def test_a_table_without_a_known_copy_is_told():
    with pytest.raises(NotReached, match="no copy that is known to match"):
        fetched_table("sml")


def test_a_full_disk_is_told_and_the_data_given(online, monkeypatch):
    monkeypatch.setattr(fetch, "keep", lambda path, what: "could not be kept in here (No space left on device)")
    openml_gives(monkeypatch, pd.DataFrame({"x": [1.0], "y": [3.0]}))
    assert fetched_table("concrete")[1].endswith("(could not be kept in here (No space left on device))")


def test_a_host_that_never_answers_is_given_up_in_time(monkeypatch):
    monkeypatch.setattr(fetch, "REACH_WITHIN", 0.1)
    monkeypatch.setattr(urllib.request, "urlopen", lambda request, timeout: time.sleep(1))
    with pytest.raises(NotReached, match="did not answer within"):
        fetch._must_answer("https://nowhere.invalid")


def test_a_host_that_refuses_is_told_and_an_error_page_is_an_answer(monkeypatch):
    def refuse(request, timeout):
        raise urllib.error.URLError("refused")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(NotReached, match="cannot be reached"):
        fetch._must_answer("https://nowhere.invalid")

    def page(request, timeout):
        raise urllib.error.HTTPError(request.full_url, 404, "not found", None, None)

    monkeypatch.setattr(urllib.request, "urlopen", page)
    assert fetch._must_answer("https://nowhere.invalid") is None
