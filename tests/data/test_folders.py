import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from bayesal import Pool
from bayesal.data.datasets import load


def save(folder, *names):
    for k, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 5), 51 * k, dtype=np.uint8)).save(folder / name)


def test_sub_folders_are_classes_and_the_rest_is_unlabelled(tmp_path):
    save(tmp_path, "dog/1.png", "cat/1.png", "cat/deep/2.png", "new.png")
    data = load(tmp_path)
    assert data.ids.tolist() == ["cat/1.png", "cat/deep/2.png", "dog/1.png", "new.png"]
    assert data.labels.tolist() == [0, 0, 1, -1]
    assert (data.class_names, data.kind, data.image, data.test_labels) == (("cat", "dog"), "classification", True, None)
    assert "1 of 4 not labelled; images read as 1 x 4 x 5" in data.note
    assert Pool.of(data.inputs, data.ids, data.answers).unlabelled.tolist() == ["new.png"]


def test_train_and_test_folders_are_the_two_parts(tmp_path):
    save(tmp_path, "train/dog/1.png", "train/cat/1.png", "train/2.png", "test/owl/1.png", "test/dog/2.png")
    data = load(tmp_path)
    assert data.ids.tolist() == ["train/2.png", "train/cat/1.png", "train/dog/1.png"]
    assert data.class_names == ("cat", "dog", "owl")
    assert data.labels.tolist() == [-1, 0, 1]
    assert data.test_labels.tolist() == [1, 2]
    assert Pool.of(data.test_inputs).scan(lambda x: x).shape == (2, 1, 4, 5)


def test_a_flat_folder_is_an_unlabelled_pool(tmp_path):
    save(tmp_path, "b.png", "a.png")
    data = load(str(tmp_path))
    assert (data.labels, data.kind, data.ids.tolist()) == (None, "unlabelled", ["a.png", "b.png"])


@pytest.mark.parametrize("columns", [("file", "label"), ("image", "target"), ("what", "ever")])
def test_labels_may_stand_in_a_list_beside(tmp_path, columns):
    save(tmp_path, "a.png", "b.png", "c.png")
    pd.DataFrame([["c.png", 0.5], ["a.png", 1.5]], columns=columns).to_csv(tmp_path / "labels.csv", index=False)
    data = load(tmp_path)
    assert data.kind == "regression"
    assert data.labels.nan_to_num(-9).tolist() == [1.5, -9, 0.5]
    assert data.answers == {"a.png": 1.5, "c.png": 0.5}


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([["a.png", "x"], ["z.png", "y"]], r"lists 1 files that are not there, such as 'z\.png'"),
        ([["a.png", "x"], ["a.png", "y"]], r"lists the file 'a\.png' twice"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(tmp_path, rows, sentence):
    save(tmp_path, "a.png", "b.png")
    pd.DataFrame(rows, columns=["file", "label"]).to_csv(tmp_path / "labels.csv", index=False)
    with pytest.raises(ValueError, match=sentence):
        load(tmp_path)


def test_a_list_without_the_columns_is_refused(tmp_path):
    save(tmp_path, "a.png")
    (tmp_path / "labels.csv").write_text("one,two,three\na.png,1,2\n")
    with pytest.raises(ValueError, match="needs a column of file names and a column 'label'; it has one, two, three"):
        load(tmp_path)


def test_an_empty_folder_gets_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="the folder holds no images"):
        load(tmp_path)


def test_images_are_taken_without_being_read(tmp_path):
    save(tmp_path, "a.png", "b.png", "c.png")
    part = load(tmp_path).take([2, 0])
    assert part.ids.tolist() == ["c.png", "a.png"]
    assert torch.equal(Pool.of(part.inputs, part.ids).gather(["c.png"]), Pool.of(tmp_path).gather(["c.png"]))
