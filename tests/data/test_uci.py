import gzip

import numpy as np
import pandas as pd
import pytest

from bayesal.data.uci import TWENTY_SPLITS, ten_folds, twenty_splits, with_drawn_split


def write_twenty_splits(folder, rows=10, splits=4):
    """Columns: two inputs, one that is neither, the target, one more input; split s tests the rows s and s + 1."""
    folder.mkdir(parents=True)
    values = np.arange(rows)[:, None] + np.array([0, 0.1, 99, 0.5, 0.2])
    lines = "\n".join(" ".join(map(str, row)) + " " for row in values.tolist())
    (folder / "data.txt.gz").write_bytes(gzip.compress(lines.encode()))
    (folder / "index_features.txt").write_text("0\n1\n4\n")
    (folder / "index_target.txt").write_text("3\n")
    tests = "\n".join(f"{s},{s + 1}" for s in range(splits))
    (folder / "index_test.csv.gz").write_bytes(gzip.compress(tests.encode()))


def write_ten_folds(folder, rows=20, inputs=17):
    """Input j of row i is i + j / 100, the target -i; row i is tested by fold i mod 10."""
    folder.mkdir(parents=True)
    values = np.arange(rows)[:, None] + np.arange(inputs) / 100
    frame = pd.DataFrame(np.column_stack([values, -np.arange(rows)]))
    frame.to_csv(folder / "data.csv.gz", header=False, index=False)
    mask = (np.arange(rows)[:, None] % 10 == np.arange(10)).astype(int)
    pd.DataFrame(mask).to_csv(folder / "test_mask.csv.gz", header=False, index=False)


@pytest.mark.parametrize(("number", "tested"), [(0, [0, 1]), (3, [3, 4]), (6, [2, 3])])
def test_a_published_split_is_taken_modulo_their_number(tmp_path, number, tested):
    write_twenty_splits(tmp_path / "yacht")
    data = twenty_splits(tmp_path / "yacht", "yacht", number)
    assert data.test_inputs[:, 0].tolist() == tested
    assert data.test_labels.tolist() == [row + 0.5 for row in tested]
    assert data.ids.tolist() == [row for row in range(10) if row not in tested]
    assert data.inputs[0].tolist() == pytest.approx([data.ids[0], data.ids[0] + 0.1, data.ids[0] + 0.2])
    assert f"published split {number % 4} of 4" in data.note


def test_a_mask_gives_the_folds(tmp_path):
    write_ten_folds(tmp_path / "pol")
    data = ten_folds(tmp_path / "pol", "pol", 13)
    assert data.test_labels.tolist() == [-3, -13]
    assert data.inputs.shape == (18, 17)
    assert data.labels.tolist() == [-i for i in range(20) if i % 10 != 3]


def test_the_inputs_of_bike_that_give_the_target_away_are_left_out(tmp_path):
    write_ten_folds(tmp_path / "bike")
    data = ten_folds(tmp_path / "bike", "bike", 0)
    assert data.inputs.shape == (18, 15)
    assert data.inputs[0].tolist() == pytest.approx([1 + j / 100 for j in range(15)])
    assert "inputs 15 and 16 left out" in data.note


def test_a_missing_file_is_named(tmp_path):
    write_twenty_splits(tmp_path / "yacht")
    (tmp_path / "yacht" / "index_target.txt").unlink()
    with pytest.raises(ValueError, match=r"lacks index_target\.txt"):
        twenty_splits(tmp_path / "yacht", "yacht", 0)


def test_damaged_files_are_named(tmp_path):
    write_ten_folds(tmp_path / "pol")
    (tmp_path / "pol" / "data.csv.gz").write_bytes(gzip.compress(b"1,2\n3,\n"))
    with pytest.raises(ValueError, match=r"data\.csv\.gz has missing values"):
        ten_folds(tmp_path / "pol", "pol", 0)
    (tmp_path / "pol" / "data.csv.gz").write_bytes(gzip.compress(b"1,2\n3,4\n"))
    with pytest.raises(ValueError, match="2 rows but a test mask of 20"):
        ten_folds(tmp_path / "pol", "pol", 0)
    (tmp_path / "pol" / "data.csv.gz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"cannot read .*data\.csv\.gz"):
        ten_folds(tmp_path / "pol", "pol", 0)


def test_a_split_of_rows_that_are_not_there_is_refused(tmp_path):
    write_twenty_splits(tmp_path / "yacht", rows=3)
    with pytest.raises(ValueError, match="split 3 names rows that are not among its 3"):
        twenty_splits(tmp_path / "yacht", "yacht", 3)


def test_a_table_from_elsewhere_draws_its_own_split_and_says_so():
    rows = TWENTY_SPLITS["yacht"]
    frame = pd.DataFrame({"x": np.arange(rows), "kind": ["a", "b"] * (rows // 2), "y": np.arange(rows) / 2})
    data = with_drawn_split("yacht", frame, 3, "openml.org data set 1")
    assert data.inputs.shape == (rows - 31, 3)
    assert data.labels.tolist() == (data.inputs[:, 0] / 2).tolist()
    assert "not the published split" in data.note
    with pytest.raises(ValueError, match=r"openml\.org data set 1 has 7 rows, but yacht has 308; it is another table"):
        with_drawn_split("yacht", frame.head(7), 3, "openml.org data set 1")
