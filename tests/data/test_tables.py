import numpy as np
import pandas as pd
import pytest

from bayesal import Pool
from bayesal.data.datasets import load


def a_file(folder, frame, suffix=".csv"):
    path = folder / f"mine{suffix}"
    if suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if "tsv" in suffix else ",")
    return path


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".parquet"])
def test_a_table_becomes_points_labels_and_ids(tmp_path, suffix):
    frame = pd.DataFrame({"id": ["p", "q", "r"], "x": [1.5, 2.5, 3.5], "n": [1, 2, 3], "kind": ["b", "a", None]})
    data = load(a_file(tmp_path, frame, suffix))
    assert data.name == "mine"
    assert data.ids.tolist() == ["p", "q", "r"]
    assert data.inputs.tolist() == [[1.5, 1], [2.5, 2], [3.5, 3]]
    assert data.labels.tolist() == [1, 0, -1]
    assert data.class_names == ("a", "b")
    assert data.answers == {"p": 1, "q": 0}
    assert "the column 'kind': read as 2 classes, a, b" in data.note
    assert "1 of 3 not labelled" in data.note
    assert Pool.of(data.inputs, data.ids, data.answers).unlabelled.tolist() == ["r"]


@pytest.mark.parametrize(
    ("columns", "target", "labels"),
    [
        ({"label": [1, 0], "x": [5, 6]}, None, [1, 0]),
        ({"target": [1, 0], "x": [5, 6]}, None, [1, 0]),
        ({"x": [5, 6], "y": [1, 0]}, None, [1, 0]),
        ({"y": [1, 0], "x": [5, 6], "label": [8, 9]}, "y", [1, 0]),
    ],
)
def test_the_target_is_the_column_asked_for_or_called_so_or_the_last(tmp_path, columns, target, labels):
    data = load(a_file(tmp_path, pd.DataFrame(columns)), target=target)
    assert data.labels.tolist() == labels
    assert data.inputs.shape[1] == len(columns) - 1
    assert data.ids.tolist() == [0, 1]


def test_a_table_may_have_no_labels(tmp_path):
    data = load(a_file(tmp_path, pd.DataFrame({"x": [5.0, 6.0], "y": [1, 0]})), target="")
    assert (data.labels, data.kind, data.inputs.shape) == (None, "unlabelled", (2, 2))
    empty = load(a_file(tmp_path, pd.DataFrame({"x": [5.0, 6.0], "label": [None, None]})))
    assert (empty.labels, empty.kind, empty.inputs.shape) == (None, "unlabelled", (2, 1))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_whole_numbers_with_gaps_are_still_classes(tmp_path, suffix):
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": pd.array([7, None, 3], dtype="Int64")})
    data = load(a_file(tmp_path, frame, suffix))
    assert (data.kind, data.class_names, data.labels.tolist()) == ("classification", ("3", "7"), [1, -1, 0])


def test_amounts_are_a_regression_and_the_task_overrides(tmp_path):
    path = a_file(tmp_path, pd.DataFrame({"x": [1, 2], "y": [0.5, 1.5]}))
    assert load(path).kind == "regression"
    counts = a_file(tmp_path, pd.DataFrame({"x": [1, 2], "y": [30, 40]}))
    assert load(counts).kind == "classification"
    assert load(counts, task="regression").labels.tolist() == [30, 40]


def test_words_among_the_inputs_are_encoded_and_said(tmp_path):
    size = pd.Categorical(["small", "large", "small"], categories=["small", "large"], ordered=True)
    frame = pd.DataFrame({"size": size, "colour": ["red", "blue", "red"], "ok": [True, False, True], "y": [0, 1, 0]})
    data = load(a_file(tmp_path, frame, ".parquet"))
    assert data.inputs.tolist() == [[0, 0, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1]]
    assert "'size' as 0 ... 1 in its own order, 'colour' as 2 columns of 0 and 1" in data.note


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"x": [1.0, None], "y": [0, 1]}, "column 'x' of mine.csv has 1 missing values"),
        ({"x": ["a", None], "y": [0, 1]}, "column 'x' of mine.csv has 1 missing values"),
        ({"x": [1.0, np.inf], "y": [0, 1]}, "column 'x' of mine.csv holds infinite values"),
        ({"x": [1, 2, "?"], "y": [0, 1, 0]}, r"column 'x' of mine.csv holds numbers, but also '\?'"),
        ({"x": [f"text {i}" for i in range(60)], "y": range(60)}, "60 different texts such as 'text 0'"),
        ({"id": [1, 1], "x": [1, 2], "y": [0, 1]}, "the id 1 stands for more than one point"),
        ({"id": ["a", None], "x": [1, 2], "y": [0, 1]}, "column 'id' of mine.csv is empty in places"),
        ({"id": [0.5, 1.5], "x": [1, 2], "y": [0, 1]}, "ids must be integers or strings"),
        ({"y": [0, 1]}, "no column left to learn from; give it one beside the labels, with commas"),
        ({"label": [0, 1], "target": [0, 1], "x": [1, 2]}, "'label' and 'target'; say which is the target"),
        ({"x": [1, 2], "y": ["a", 3.5]}, None),
    ],
)
def test_tables_that_cannot_be_read_get_a_sentence(tmp_path, columns, sentence):
    path = a_file(tmp_path, pd.DataFrame(columns))
    if sentence is None:  # in a CSV file a number among words is a word
        assert load(path).class_names == ("3.5", "a")
        return
    with pytest.raises(ValueError, match=sentence):
        load(path)


def test_dates_are_refused(tmp_path):
    frame = pd.DataFrame({"when": pd.to_datetime(["2020-01-01", "2021-01-01"]), "y": [0, 1]})
    with pytest.raises(ValueError, match=r"'when' of mine\.parquet holds dates"):
        load(a_file(tmp_path, frame, ".parquet"))


def test_a_column_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    with pytest.raises(ValueError, match=r"mine\.csv has no column 'z'; its columns are x, y"):
        load(a_file(tmp_path, pd.DataFrame({"x": [1], "y": [0]})), target="z")


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n1,2,3\n", b"\xff\xfe\x00x", b"PAR1torn"])
@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".csv.gz"])
def test_a_file_that_is_no_table_is_named(tmp_path, content, suffix):
    (tmp_path / f"mine{suffix}").write_bytes(content)
    with pytest.raises(ValueError, match="mine"):
        load(tmp_path / f"mine{suffix}")
