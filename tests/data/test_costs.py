"""What labels cost is read from a column or an array, kept beside the points, and refused in a sentence."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from bayesal.data.costs import check_priced
from bayesal.data.dataset import DataSet
from bayesal.data.datasets import load
from bayesal.data.shift import outliers, repeated, strangers
from bayesal.data.split import split

TABLE = pd.DataFrame(
    {
        "id": ["a", "b", "c", "d"],
        "x": [0.5, 1.5, 2.5, 3.5],
        "label": ["u", "v", "u", "v"],
        "price": [1.0, 2.5, None, 4.0],
    }
)


def table(folder: Path, name: str = "my.csv", **columns) -> Path:
    frame = TABLE.assign(**columns)
    path = folder / name
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
    return path


def points(n: int, costs: list[float] | None, name: str = "own") -> DataSet:
    labels = torch.arange(n) % 2
    known = None if costs is None else np.array(costs)
    ids = np.arange(n)
    return DataSet(name, torch.rand(n, 2), labels, "classification", ids, class_names=("u", "v"), costs=known)


@pytest.mark.parametrize("name", ["my.csv", "my.parquet"])
def test_a_column_of_costs_is_no_input(tmp_path: Path, name: str):
    data = load(table(tmp_path, name), cost="price")
    assert data.inputs.tolist() == [[0.5], [1.5], [2.5], [3.5]]
    np.testing.assert_array_equal(data.costs, [1, 2.5, np.nan, 4])
    assert data.costs is not None
    assert data.costs.dtype == np.float64
    assert data.prices == {"a": 1, "b": 2.5, "d": 4}
    assert "the column 'price' is what a label costs" in data.note
    assert load(table(tmp_path, name, price=3.0)).costs is None


def test_the_target_is_the_last_of_the_other_columns(tmp_path: Path):
    TABLE.rename(columns={"label": "kind"}).to_csv(tmp_path / "my.csv", index=False)
    assert load(tmp_path / "my.csv", cost="price").class_names == ("u", "v")


def test_an_array_of_costs_belongs_to_the_pool(tmp_path: Path):
    arrays = {"X": np.eye(3), "y": [0, 1, 0], "X_test": np.eye(3)[:1], "y_test": [1], "hours": [1, 2, 3]}
    np.savez(tmp_path / "my.npz", **{name: np.array(values) for name, values in arrays.items()})
    assert load(tmp_path / "my.npz", cost="hours").prices == {0: 1, 1: 2, 2: 3}
    for name, sentence in [
        ("y", "has a meaning of its own"),
        ("days", "no array 'days'; its arrays are X, y"),
        ("wrong", r"shape \(2,\); give one cost for each of 3 points"),
    ]:
        np.savez(tmp_path / "my.npz", **arrays, wrong=np.ones(2))
        with pytest.raises(ValueError, match=sentence):
            load(tmp_path / "my.npz", cost=name)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([1, 0, 2, 3], "the column 'price' of my.csv holds 0 for the point 'b'; a cost is a finite number above 0"),
        ([1, 2, -3.5, 3], "holds -3.5 for the point 'c'"),
        ([1, 2, 3, "inf"], "holds inf for the point 'd'"),
        ([1, 2, "dear", 3], "holds 'dear' for the point 'c'"),
        ([True, True, False, True], "holds bool"),
    ],
)
def test_what_is_no_cost_is_told_with_its_column_and_point(tmp_path: Path, values: list, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        load(table(tmp_path, price=values), cost="price")


def test_where_there_are_no_costs_a_sentence_says_so(tmp_path: Path):
    with pytest.raises(ValueError, match=r"my\.csv has no column 'cost'; its columns are x, label, price"):
        load(table(tmp_path), cost="cost")
    with pytest.raises(ValueError, match=r"'label' of my\.csv is the target or the ids"):
        load(table(tmp_path), cost="label", target="label")
    with pytest.raises(ValueError, match="digits does not say what a label costs"):
        load("digits", cost="price")
    (tmp_path / "photos").mkdir()
    with pytest.raises(ValueError, match=r"photos is neither a table nor an \.npz file"):
        load(tmp_path / "photos", cost="price")
    with pytest.raises(ValueError, match=r"4 points but costs of shape \(3,\)"):
        points(4, [1, 2, 3])


def test_costs_stay_with_their_points():
    data = points(6, [1, 2, 3, 4, 5, 6])
    assert data.take([4, 1]).prices == {4: 5, 1: 2}
    parts = split(data, test_fraction=0.34, seed=0)
    assert parts.prices == {key: key + 1 for key in parts.ids.tolist()}
    copies = repeated(data, 2, generator=torch.Generator().manual_seed(0)).prices
    assert copies == {f"{key}#{copy}": key + 1 for copy in (1, 2) for key in range(6)}


@pytest.mark.parametrize(("theirs", "known"), [([7.0, 7.0, 7.0], 8), (None, 6)])
def test_outliers_cost_what_their_own_set_says(theirs: list[float] | None, known: int):
    mixed = outliers(points(6, [1, 2, 3, 4, 5, 6]), points(3, theirs, "odd"), 2, generator=torch.Generator())
    assert mixed.prices is not None
    assert len(mixed.prices) == known
    assert points(6, None).prices is None


def test_strangers_keep_their_costs():
    labels = torch.arange(6) % 3
    data = DataSet("own", torch.rand(6, 1), labels, "classification", np.arange(6), class_names=("u", "v", "w"))
    data = strangers(DataSet(**{**vars(data), "costs": np.arange(1.0, 7)}), [2])
    assert data.prices == {key: key + 1 for key in range(6)}


def test_only_what_may_be_asked_for_needs_a_cost(tmp_path: Path):
    data = load(table(tmp_path), cost="price")
    check_priced(data, data.ids != "c", "price")
    with pytest.raises(ValueError, match="'price' of my is empty for the point 'c', which may be asked for"):
        check_priced(data, np.ones(4, dtype=bool), "price")
