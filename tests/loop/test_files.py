import hashlib
import json
import os
import stat
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bayesal.loop import files
from bayesal.loop.files import read_json, write_atomically, write_json, write_tensors


def test_what_is_written_is_read_back_and_nothing_else_is_left(tmp_path):
    write_atomically(tmp_path / "a.bin", b"one")
    write_atomically(str(tmp_path / "a.bin"), b"two")
    assert (tmp_path / "a.bin").read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_the_content_is_synced_before_the_name_and_the_name_before_it_returns(tmp_path, monkeypatch):
    steps = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(handle):
        steps.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "content")
        fsync(handle)

    def note_replace(source, target):
        steps.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    write_atomically(tmp_path / "a", b"x")
    assert steps == ["content", "rename", "folder"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_gets_one_sentence_and_leaves_the_old_content(tmp_path, monkeypatch, step):
    def full(*_):
        raise OSError(28, "No space left on device")

    write_atomically(tmp_path / "a", b"old")
    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match=r"could not write .*a \(No space left on device\); .* untouched") as raised:
        write_atomically(tmp_path / "a", b"new")
    assert raised.value.errno == 28
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_what_a_killed_writer_left_is_cleared_once_it_is_old(tmp_path):
    for name in (".a[1].old.tmp", ".a[1].young.tmp", ".b.old.tmp"):
        (tmp_path / name).write_bytes(b"half")
    old = time.time() - files.STALE_AFTER - 60
    for name in (".a[1].old.tmp", ".b.old.tmp"):
        os.utime(tmp_path / name, (old, old))
    write_atomically(tmp_path / "a[1]", b"x")
    assert sorted(os.listdir(tmp_path)) == [".a[1].young.tmp", ".b.old.tmp", "a[1]"]


def test_json_objects_come_back_and_a_missing_file_is_none(tmp_path):
    content = {"schema": 1, "seed": 2**70, "method": "Narrow(…, 'é')", "nested": [1.5, None]}
    write_json(tmp_path / "state.json", content)
    assert read_json(tmp_path / "state.json") == content
    assert json.loads((tmp_path / "state.json").read_text()) == content
    assert read_json(tmp_path / "other.json") is None


@pytest.mark.parametrize("content", [b"", b'{"a": ', b"\xff\xfe\x00", b"[1, 2]"])
def test_unreadable_json_gets_a_sentence_and_is_not_touched(tmp_path, content):
    path = tmp_path / "state.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"state\.json (is not readable JSON|holds a JSON list).*not touched"):
        read_json(path)
    assert path.read_bytes() == content


def test_tensors_come_back_to_the_bit_even_when_shared_transposed_or_learned(tmp_path):
    shared = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    tensors = {"a": shared, "b": shared, "turned": shared.T, "half": shared.detach().half(), "n": torch.tensor(7)}
    digest = write_tensors(tmp_path / "model.safetensors", tensors)
    loaded = load_file(tmp_path / "model.safetensors")
    assert set(loaded) == set(tensors)
    assert all(torch.equal(loaded[name], tensors[name]) for name in tensors)
    assert digest == hashlib.sha256(Path(tmp_path / "model.safetensors").read_bytes()).hexdigest()
    assert write_tensors(tmp_path / "again.safetensors", tensors) == digest
