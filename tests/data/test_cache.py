import os
import stat

import numpy as np
import pandas as pd
import pytest

from bayesal.data.cache import cache_folder, keep, read_arrays, read_table


def test_what_is_kept_comes_back(tmp_path):
    frame = pd.DataFrame({"x": [1.0, 2.0], "cut": pd.Categorical(["a", "b"])})
    assert keep(tmp_path / "new" / "t.parquet", frame) == ""
    assert read_table(tmp_path / "new" / "t.parquet").equals(frame)
    assert keep(tmp_path / "a.npz", {"inputs": np.arange(3), "labels": np.zeros(2)}) == ""
    assert read_arrays(tmp_path / "a.npz")["inputs"].tolist() == [0, 1, 2]


def test_nothing_but_the_whole_file_is_left(tmp_path):
    keep(tmp_path / "a.npz", {"inputs": np.arange(3)})
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_a_cache_that_cannot_be_written_is_said_and_leaves_nothing(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "could not be kept" in keep(tmp_path / "a.npz", {"inputs": np.arange(3)})
    assert "No space left on device" in keep(tmp_path / "t.parquet", pd.DataFrame({"x": [1]}))
    assert list(tmp_path.iterdir()) == []


def test_a_cache_folder_that_is_a_file_is_said(tmp_path):
    (tmp_path / "cache").write_text("")
    assert "could not be kept" in keep(tmp_path / "cache" / "a.npz", {"inputs": np.arange(3)})


@pytest.mark.parametrize(("name", "read"), [("a.npz", read_arrays), ("t.parquet", read_table)])
def test_a_damaged_copy_is_named(tmp_path, name, read):
    (tmp_path / name).write_bytes(b"PK\x03\x04torn")
    with pytest.raises(ValueError, match=f"the kept copy .*{name} cannot be read .* delete it"):
        read(tmp_path / name)


def test_the_cache_folder_can_be_chosen(tmp_path, monkeypatch):
    monkeypatch.setenv("BAYESAL_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("BAYESAL_CACHE")
    for platform in ("linux", "darwin", "win32"):
        monkeypatch.setattr("sys.platform", platform)
        assert "bayesal" in cache_folder().parts


def test_a_kept_copy_can_be_read_by_its_owner(tmp_path):
    keep(tmp_path / "a.npz", {"inputs": np.arange(3)})
    assert (tmp_path / "a.npz").stat().st_mode & stat.S_IRUSR
