import numpy as np
import pytest
import torch

from bayesal import Pool
from bayesal.data.datasets import load


def a_file(folder, **arrays):
    np.savez(folder / "mine.npz", **arrays)
    return folder / "mine.npz"


@pytest.mark.parametrize(("inputs", "labels"), [("inputs", "labels"), ("X", "y"), ("x", "y"), ("x_train", "y_train")])
def test_arrays_go_by_several_names(tmp_path, inputs, labels):
    data = load(a_file(tmp_path, **{inputs: np.eye(3), labels: np.array([4, 2, 4])}))
    assert data.inputs.tolist() == np.eye(3).tolist()
    assert data.inputs.dtype == torch.float32
    assert (data.labels.tolist(), data.class_names) == ([1, 0, 1], ("2", "4"))
    assert (data.ids.tolist(), data.test_labels, data.image) == ([0, 1, 2], None, False)


def test_a_test_part_numbers_the_classes_alike(tmp_path):
    data = load(
        a_file(
            tmp_path,
            inputs=np.zeros((3, 2)),
            labels=np.array(["b", "", "c"]),
            test_inputs=np.ones((2, 2)),
            test_labels=np.array(["a", "c"]),
            ids=np.array(["p", "q", "r"]),
        )
    )
    assert data.class_names == ("a", "b", "c")
    assert data.labels.tolist() == [1, -1, 2]
    assert data.test_labels.tolist() == [0, 2]
    assert data.answers == {"p": 1, "r": 2}


def test_kinds_of_labels(tmp_path):
    x = np.zeros((2, 3))
    assert load(a_file(tmp_path, X=x, y=np.array([0.5, 1.0]))).kind == "regression"
    assert load(a_file(tmp_path, X=x, y=np.array([[0.5], [1.0]]))).labels.tolist() == [0.5, 1.0]
    assert load(a_file(tmp_path, X=x, y=np.array([[0, 1], [1, 1]]))).kind == "multilabel"
    assert load(a_file(tmp_path, X=x, y=np.array([True, False]))).class_names == ("False", "True")
    assert load(a_file(tmp_path, X=x, y=np.array([1, 2])), task="regression").kind == "regression"
    assert load(a_file(tmp_path, X=x, y=np.array([0, 1]), class_names=np.array(["no", "yes"]))).class_names == (
        "no",
        "yes",
    )
    assert load(a_file(tmp_path, X=x)).kind == "unlabelled"


@pytest.mark.parametrize("shape", [(2, 5, 4), (2, 1, 5, 4), (2, 5, 4, 1)])
def test_images_have_their_channel_first(tmp_path, shape):
    values = np.arange(40, dtype=np.uint8).reshape(shape)
    data = load(a_file(tmp_path, inputs=values, labels=np.array([0, 1])))
    assert data.image
    assert data.inputs.shape == (2, 1, 5, 4)
    assert data.inputs.flatten().tolist() == pytest.approx((np.arange(40) / 255).tolist())
    assert "bytes scaled to 0 ... 1" in data.note


def test_colours_last_become_colours_first(tmp_path):
    values = np.random.default_rng(0).random((2, 6, 5, 3))
    data = load(a_file(tmp_path, inputs=values))
    assert torch.allclose(data.inputs.double(), torch.from_numpy(values).permute(0, 3, 1, 2), atol=1e-6)


def test_a_single_feature_is_a_column(tmp_path):
    assert load(a_file(tmp_path, X=np.arange(3.0), y=np.arange(3.0))).inputs.shape == (3, 1)


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"inputs": np.array([{}, {}], dtype=object), "labels": np.zeros(2)}, "objects are not read"),
        ({"inputs": np.zeros((2, 2)), "labels": np.array(["a", None], dtype=object)}, "objects are not read"),
        ({"labels": np.zeros(2)}, "no array named inputs or X or x"),
        ({"inputs": np.zeros((2, 2)), "X": np.zeros((2, 2))}, "holds both inputs and X"),
        ({"inputs": np.zeros((3, 2)), "labels": np.zeros(2)}, "3 points but 2 labels"),
        ({"inputs": np.zeros((3, 2)), "labels": np.zeros((3, 2, 2))}, "expected one label, or one row, a point"),
        (
            {"inputs": np.zeros((2, 2)), "labels": np.zeros(2), "ids": np.array(["a", "a"])},
            "'a' stands for more than one",
        ),
        ({"inputs": np.zeros((2, 2)), "labels": np.zeros(2), "ids": np.arange(3)}, "2 points but 3 ids"),
        ({"inputs": np.array(["a", "b"])}, "array of <U1; save numbers"),
        ({"inputs": np.array([[np.nan], [1]])}, "NaN or infinite"),
        ({"inputs": np.zeros((2, 2)), "test_labels": np.zeros(2)}, "test labels but no labels"),
        (
            {"inputs": np.zeros((2, 2)), "labels": np.zeros(2), "test_labels": np.zeros(2)},
            "both its inputs and its labels",
        ),
        (
            {"X": np.zeros((2, 2)), "y": np.arange(2), "X_test": np.zeros((2, 3)), "y_test": np.arange(2)},
            "both parts need one shape",
        ),
        (
            {"X": np.zeros((2, 2)), "y": np.arange(2), "class_names": np.array(["a"])},
            "1 class_names, but its labels have 2",
        ),
    ],
)
def test_arrays_that_cannot_be_read_get_a_sentence(tmp_path, arrays, sentence):
    with pytest.raises(ValueError, match=sentence):
        load(a_file(tmp_path, **arrays))


@pytest.mark.parametrize("content", [b"", b"torn", b"PK\x03\x04torn"])
def test_a_file_that_is_no_archive_is_named(tmp_path, content):
    (tmp_path / "mine.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot read .*mine\.npz"):
        load(tmp_path / "mine.npz")


def test_an_npy_file_is_a_pool_read_as_needed(tmp_path):
    np.save(tmp_path / "mine.npy", np.arange(6, dtype=np.float16).reshape(3, 2))
    data = load(tmp_path / "mine.npy")
    assert isinstance(data.inputs, np.memmap)
    assert (data.kind, data.labels) == ("unlabelled", None)
    assert Pool.of(data.inputs, data.ids).gather([2]).tolist() == [[4, 5]]
    np.save(tmp_path / "mine.npy", np.float32(3))
    with pytest.raises(ValueError, match="single number"):
        load(tmp_path / "mine.npy")
    (tmp_path / "mine.npy").write_bytes(b"torn")
    with pytest.raises(ValueError, match=r"cannot read .*mine\.npy"):
        load(tmp_path / "mine.npy")
