"""Regression tables with published splits."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from bayesal.data.dataset import DataSet
from bayesal.data.split import hold_out, split

TWENTY_SPLITS = {
    "concrete": 1_030,
    "energy": 768,
    "kin8nm": 8_192,
    "naval-propulsion-plant": 11_934,
    "power-plant": 9_568,
    "wine-quality-red": 1_599,
    "yacht": 308,
}
"""Tables with the twenty 90/10 splits of Hernandez-Lobato and Adams (ICML 2015), and their numbers of rows."""
TEN_FOLDS = {
    "airfoil": 1_503,
    "bike": 17_379,
    "elevators": 16_599,
    "keggundirected": 63_608,
    "kin40k": 40_000,
    "parkinsons": 5_875,
    "pol": 15_000,
    "protein": 45_730,
    "skillcraft": 3_338,
    "sml": 4_137,
}
"""Tables with the ten-fold splits of uci_datasets (Evans, 2022), and their numbers of rows."""
DRAWN_TEST_FRACTION = 0.1  # where no split is published: the share the published ones have
LEAKING_BIKE_INPUTS = (15, 16)


def twenty_splits(folder: Path, name: str, number: int) -> DataSet:
    """A table in ``data.txt`` layout (column numbers beside it) with its published split ``number`` mod 20."""
    values = _numbers(folder / "data.txt.gz", r"\s+")
    features = _numbers(folder / "index_features.txt", r"\s+").astype(int).ravel()
    target = _numbers(folder / "index_target.txt", r"\s+").astype(int).item()
    whole = table(name, values[:, features], values[:, target], str(folder))
    tests = _numbers(folder / "index_test.csv.gz", ",").astype(int)
    return _published(whole, list(tests), number)


def ten_folds(folder: Path, name: str, number: int) -> DataSet:
    """A table whose last column is the target, with its published fold ``number`` mod 10 from a 0/1 mask beside it."""
    values = _numbers(folder / "data.csv.gz", ",")
    mask = _numbers(folder / "test_mask.csv.gz", ",")
    if len(mask) != len(values):
        raise ValueError(f"{folder}: {len(values)} rows but a test mask of {len(mask)}; fetch the files again")
    inputs, note = values[:, :-1], ""
    if name == "bike":
        inputs = np.delete(inputs, LEAKING_BIKE_INPUTS, axis=1)
        note = "inputs 15 and 16 left out (casual and registered riders: their sum is the target)"
    whole = table(name, inputs, values[:, -1], str(folder), note)
    return _published(whole, [np.flatnonzero(fold) for fold in mask.T], number)


def with_drawn_split(name: str, frame: pd.DataFrame, number: int, source: str) -> DataSet:
    """A table from elsewhere, target last: its rows may stand in another order, so no published split applies."""
    rows = (TWENTY_SPLITS | TEN_FOLDS)[name]
    if len(frame) != rows:
        raise ValueError(f"{source} has {len(frame)} rows, but {name} has {rows}; it is another table")
    inputs = pd.get_dummies(frame.iloc[:, :-1], dtype=float).to_numpy(dtype=np.float64)
    targets = frame.iloc[:, -1].to_numpy(dtype=np.float64)
    whole = table(name, inputs, targets, source, "not the published split, which this source does not have")
    return split(whole, test_fraction=DRAWN_TEST_FRACTION, seed=number)


def table(name: str, inputs: np.ndarray, targets: np.ndarray, source: str, note: str = "") -> DataSet:
    """A regression table as float32, without a test part; ids are its rows."""
    return DataSet(
        name=name,
        inputs=torch.from_numpy(inputs.astype(np.float32)),
        labels=torch.from_numpy(targets.astype(np.float32)),
        kind="regression",
        ids=np.arange(len(inputs)),
        source=source,
        note="; ".join(filter(None, ("ids are rows of the table", note))),
    )


def _published(whole: DataSet, tests: list[np.ndarray], number: int) -> DataSet:
    chosen = number % len(tests)
    test = tests[chosen]
    if len(test) == 0 or test.min() < 0 or test.max() >= len(whole):
        raise ValueError(f"{whole.name}: split {chosen} names rows that are not among its {len(whole)}")
    return hold_out(whole, test, f"published split {chosen} of {len(tests)}")


def _numbers(path: Path, separator: str) -> np.ndarray:
    if not path.exists():
        raise ValueError(f"the folder {path.parent} lacks {path.name}; see the layout the documentation gives")
    try:
        values = pd.read_csv(path, sep=separator, header=None, engine="c", skipinitialspace=True).to_numpy(np.float64)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"cannot read {path}: {error}") from error
    if np.isnan(values).any():
        raise ValueError(f"{path} has missing values; fetch it again")
    return values
