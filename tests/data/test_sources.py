import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import Dataset, Subset, TensorDataset

from bayesal import Pool


class HuggingFaceLike:
    """Rows are dictionaries, and a whole batch can be read at once."""

    def __init__(self, batched):
        self.rows = [{"tokens": [i, i + 1], "text": f"row {i}"} for i in range(6)]
        if batched:
            self.__getitems__ = lambda wanted: [self.rows[i] for i in wanted]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


@pytest.mark.parametrize(
    "inputs",
    [
        torch.arange(6.0)[:, None],
        np.arange(6.0, dtype=np.float32)[:, None],
        np.arange(6.0, dtype=">f4")[:, None],
        pd.DataFrame({"x": np.arange(6.0)}),
        TensorDataset(torch.arange(6.0)[:, None], torch.zeros(6)),
        Subset(TensorDataset(torch.arange(6.0)[:, None]), list(range(6))),
        [[float(i)] for i in range(6)],
    ],
    ids=["tensor", "array", "big-endian", "frame", "dataset", "subset", "lists"],
)
@pytest.mark.parametrize("wanted", [[1, 2, 3], [4, 0, 2], [5], [3, 3], []])
def test_points_come_in_the_order_asked(inputs, wanted):
    got = Pool.of(inputs).gather(wanted)
    assert got.shape == (len(wanted), 1)
    assert got.flatten().tolist() == wanted


def test_lists_of_features_are_whole_points():
    assert Pool.of([[1, 2, 3], [4, 5, 6]]).gather([1]).tolist() == [[4, 5, 6]]


@pytest.mark.parametrize("batched", [True, False])
def test_rows_that_are_mappings_become_a_mapping_of_batches(batched):
    pool = Pool.of(HuggingFaceLike(batched), chunk_size=4)
    assert pool.gather([2, 0])["tokens"].tolist() == [[2, 3], [0, 1]]
    assert pool.gather([2, 0])["text"] == ["row 2", "row 0"]
    assert pool.scan(lambda batch: batch["tokens"][:, 0]).tolist() == list(range(6))
    assert pool.scan(lambda batch: batch["tokens"], []).shape == (0, 2)


def test_a_data_set_that_reads_batches_is_not_read_point_by_point():
    class Counting(Dataset):
        asked = 0

        def __len__(self):
            return 8

        def __getitem__(self, i):
            raise AssertionError("read point by point")

        def __getitems__(self, wanted):
            self.asked += 1
            return [(torch.tensor([i]), 0) for i in wanted]

    data = Counting()
    assert Pool.of(data, chunk_size=4).scan(lambda x: x[:, 0]).tolist() == list(range(8))
    assert data.asked == 2


def test_texts_stay_a_list():
    assert Pool.of(["one", "two", "three"]).gather([2, 0]) == ["three", "one"]


def test_the_row_names_of_a_frame_are_its_ids():
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0]}, index=["a", "b", "c"])
    assert Pool.of(frame).ids.tolist() == ["a", "b", "c"]
    assert Pool.of(frame[frame.x > 1].reset_index(drop=True)).ids.tolist() == [0, 1]
    assert Pool.of(frame.reset_index(names="id")).ids.tolist() == ["a", "b", "c"]
    assert Pool.of(frame, ids=[4, 5, 6]).ids.tolist() == [4, 5, 6]


def test_a_parquet_file_is_a_pool(tmp_path):
    pd.DataFrame({"id": ["p", "q"], "x": [1, 2], "y": [True, False]}).to_parquet(tmp_path / "a.parquet")
    pool = Pool.of(tmp_path / "a.parquet")
    assert pool.ids.tolist() == ["p", "q"]
    assert pool.gather(["q"]).tolist() == [[2.0, 0.0]]


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        (pd.DataFrame({"x": [1.0], "colour": ["red"]}), "columns 'colour' are not numbers"),
        (pd.DataFrame({"x": [1.0, np.nan]}), "columns 'x' have missing values"),
        (np.array(["a", "b"]), "array of <U1"),
        (np.array([object()]), "array of object"),
        (torch.tensor(1.0), "single number"),
        (np.ones(()), "single number"),
        ({"x": torch.zeros(2)}, "mapping with keys"),
        (7, "cannot make a pool of a int"),
    ],
)
def test_what_cannot_be_a_pool_gets_a_sentence(inputs, sentence):
    with pytest.raises(ValueError, match=sentence):
        Pool.of(inputs)


def test_paths_that_are_no_pool_get_a_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        Pool.of(tmp_path / "nowhere.npy")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(ValueError, match=r"cannot read a\.txt"):
        Pool.of(tmp_path / "a.txt")
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="objects"):
        Pool.of(tmp_path / "objects.npy")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.uint8])
def test_a_mapped_file_reads_as_it_is_stored(tmp_path, dtype):
    values = np.arange(60).reshape(20, 3).astype(dtype)
    np.save(tmp_path / "a.npy", values)
    for inputs in (tmp_path / "a.npy", np.load(tmp_path / "a.npy", mmap_mode="r")[2:18]):
        pool = Pool.of(inputs, chunk_size=7)
        stored = values if len(pool) == 20 else values[2:18]
        assert torch.equal(pool.scan(lambda x: x), torch.from_numpy(stored))
        assert torch.equal(pool.gather([9, 3]), torch.from_numpy(stored[[9, 3]]))


def test_a_pool_over_a_mapped_file_travels_to_another_process(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(6.0))
    assert pickle.loads(pickle.dumps(Pool.of(tmp_path / "a.npy"))).gather([4, 5]).tolist() == [4, 5]


def test_changes_in_a_copy_on_write_map_are_seen(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((8, 2)))
    values = np.load(tmp_path / "a.npy", mmap_mode="c")
    values[3] = 5
    pool = Pool.of(values, chunk_size=2)
    assert pool.scan(lambda x: x[:, 0])[3] == 5
    assert pool.gather([3])[0, 0] == 5


def test_a_file_replaced_during_a_study_does_not_mix_with_the_old_one(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((8, 2)))
    pool = Pool.of(tmp_path / "a.npy", chunk_size=2)
    np.save(tmp_path / "b.npy", np.ones((4, 2)))
    (tmp_path / "b.npy").replace(tmp_path / "a.npy")
    assert pool.scan(lambda x: x[:, 0]).tolist() == [0.0] * 8


def test_reading_a_file_through_does_not_fill_memory(tmp_path):
    """64 MB are read through, in order and at random, in a process of its own; it grows by less than a quarter."""
    script = """
    import sys, numpy as np, psutil, torch
    from bayesal import Pool

    resident = lambda: psutil.Process().memory_info().rss
    pool = Pool.of(sys.argv[1], chunk_size=512)
    grown, before = [], resident()
    def look(x):
        grown.append(resident() - before)
        return x[:, 0]
    pool.scan(look)
    pool.scan(look, torch.randperm(len(pool)).numpy())
    print(max(grown) / 2**20)
    """
    np.save(tmp_path / "a.npy", np.zeros((2**14, 2**10), dtype=np.float32))
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "a.npy")], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert float(ran.stdout) < 16
