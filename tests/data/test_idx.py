import gzip
import struct

import numpy as np
import pytest
import torch

from bayesal.data.idx import PARTS, digits_or_articles, read_folder, read_idx


def idx_bytes(values):
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()


def write_folder(folder, num_train=12, num_test=5, compress=True):
    """The four files of a tiny MNIST."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True)
    parts = {}
    for part, name in PARTS.items():
        n = num_test if part.startswith("test") else num_train
        parts[part] = random.integers(0, 256, (n, 28, 28)) if part.endswith("inputs") else np.arange(n) % 10
        parts[part] = parts[part].astype(np.uint8)
        content = idx_bytes(parts[part])
        (folder / (name + ".gz" * compress)).write_bytes(gzip.compress(content) if compress else content)
    return parts


@pytest.mark.parametrize("compress", [True, False])
def test_a_folder_reads_as_it_was_written(tmp_path, compress):
    written = write_folder(tmp_path / "mnist", compress=compress)
    read = read_folder(tmp_path / "mnist")
    for part in PARTS:
        assert np.array_equal(read[part], written[part])


@pytest.mark.parametrize(("name", "mean", "sd"), [("mnist", 0.1307, 0.3081), ("fashion-mnist", 0.2860, 0.3530)])
def test_images_are_scaled_and_normalised(tmp_path, name, mean, sd):
    parts = write_folder(tmp_path / name)
    data = digits_or_articles(name, parts, "here")
    expected = (torch.from_numpy(parts["inputs"]).double() / 255 - mean) / sd
    assert data.inputs.dtype == torch.float32
    assert torch.allclose(data.inputs[:, 0].double(), expected, atol=1e-5)
    assert data.test_inputs.shape == (5, 1, 28, 28)
    assert data.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert (data.image, data.kind, len(data.class_names), data.source) == (True, "classification", 10, "here")


def test_a_missing_file_is_named(tmp_path):
    write_folder(tmp_path / "mnist")
    (tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(ValueError, match=r"lacks t10k-labels-idx1-ubyte\.gz"):
        read_folder(tmp_path / "mnist")


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0\x08", idx_bytes(np.zeros((3, 2), np.uint8))[:-1], b"\0\0\x0d\x01\0\0\0\x01\0\0\0\0", b"nonsense" * 9],
)
def test_a_file_that_is_not_whole_is_named(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError, match="a is not a whole idx file"):
        read_idx(tmp_path / "a")


def test_a_torn_archive_is_named(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(idx_bytes(np.zeros((30, 20), np.uint8)))[:-9])
    with pytest.raises(ValueError, match=r"cannot read .*a\.gz"):
        read_idx(tmp_path / "a.gz")
