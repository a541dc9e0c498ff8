"""Arrays: ``.npz`` and ``.npy`` files of a user's own."""

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from bayesal.data.answers import Answers, Task, read_answers, read_rows_of_answers
from bayesal.data.costs import read_costs
from bayesal.data.dataset import DataSet

PARTS = {
    "inputs": ("inputs", "X", "x", "X_train", "x_train", "train_inputs"),
    "labels": ("labels", "y", "Y", "y_train", "Y_train", "train_labels"),
    "test_inputs": ("test_inputs", "X_test", "x_test"),
    "test_labels": ("test_labels", "y_test", "Y_test"),
    "ids": ("ids",),
    "class_names": ("class_names",),
}
"""The arrays of an ``.npz`` file, under any of these names."""


def npz_data_set(path: Path, *, task: Task | None, cost: str | None = None) -> DataSet:
    """``inputs`` with ``labels`` (or ``X``, ``y``), and if there are any ``test_inputs``, ``test_labels``, ``ids``.

    Three axes of inputs are grey images ``N height width``; four are images with the channels (1, 3 or 4) second or
    last. Bytes are scaled to 0 ... 1; other numbers become float32 as they are. ``cost``: the array of
    what each point's label costs.
    """
    given = _read(path)
    parts = _parts(given, path)
    if "inputs" not in parts:
        raise ValueError(f"{path.name} holds no array named {' or '.join(PARTS['inputs'][:3])}")
    inputs, how = _points(parts["inputs"], path)
    test_inputs = _points(parts["test_inputs"], path)[0] if "test_inputs" in parts else None
    if test_inputs is not None and test_inputs.shape[1:] != inputs.shape[1:]:
        raise ValueError(
            f"points of {path.name} have the shape {tuple(inputs.shape[1:])}, but its test points "
            f"{tuple(test_inputs.shape[1:])}; both parts need one shape"
        )
    answers = _answers(parts, path, task)
    labels, test_labels = answers.labels, None
    if labels is not None and "test_labels" in parts:
        labels, test_labels = labels[: len(parts["labels"])], labels[len(parts["labels"]) :]
    ids = parts.get("ids", np.arange(len(inputs)))
    return DataSet(
        name=path.stem,
        inputs=inputs,
        labels=labels,
        test_inputs=test_inputs,
        test_labels=test_labels,
        kind=answers.kind,
        class_names=_class_names(parts, answers, path),
        ids=ids,
        image=inputs.ndim == 4,
        source=str(path),
        note="; ".join(filter(None, (answers.note, how, "" if "ids" in parts else "row numbers are the ids"))),
        costs=None if cost is None else _costs(given, path, cost, ids, len(inputs)),
    )


def npy_data_set(path: Path) -> DataSet:
    """One array of points without labels, mapped from the file and read as stored: it may be larger than memory."""
    try:
        inputs = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"cannot read {path} as an array of numbers: {error}") from error
    if inputs.ndim == 0:
        raise ValueError(f"{path.name} holds a single number; save an array with one row a point")
    return DataSet(
        name=path.stem,
        inputs=inputs,
        labels=None,
        kind="unlabelled",
        ids=np.arange(len(inputs)),
        image=inputs.ndim == 4,
        source=str(path),
        note="no labels; row numbers are the ids; read from the file as it is needed",
    )


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, OSError, EOFError, BadZipFile) as error:
        raise ValueError(f"cannot read {path}: {error}; objects are not read, save numbers or strings") from error


def _parts(given: dict[str, np.ndarray], path: Path) -> dict[str, np.ndarray]:
    parts = {}
    for part, names in PARTS.items():
        found = [name for name in names if name in given]
        if len(found) > 1:
            raise ValueError(f"{path.name} holds both {' and '.join(found)}; keep the one that is meant")
        if found:
            parts[part] = given[found[0]]
    return parts


def _costs(given: dict[str, np.ndarray], path: Path, cost: str, ids: np.ndarray, n: int) -> np.ndarray:
    if any(cost in names for names in PARTS.values()):
        raise ValueError(f"the array {cost!r} of {path.name} has a meaning of its own; name another one as the cost")
    if cost not in given:
        raise ValueError(f"{path.name} has no array {cost!r}; its arrays are {', '.join(given)}")
    if given[cost].shape != (n,):
        raise ValueError(
            f"the array {cost!r} of {path.name} has the shape {given[cost].shape}; give one cost for each of {n} points"
        )
    return read_costs(pd.Series(given[cost]), ids, f"the array {cost!r} of {path.name}")


def _points(values: np.ndarray, path: Path) -> tuple[Tensor, str]:
    if values.dtype.kind not in "fiub" or values.ndim == 0:
        raise ValueError(f"the inputs of {path.name} are an array of {values.dtype}; save numbers, one row a point")
    points = torch.from_numpy(values.astype(np.float32))
    notes = []
    if values.dtype == np.uint8:
        points = points.div_(255)
        notes.append("bytes scaled to 0 ... 1")
    if points.ndim == 1:
        points = points[:, None]
    if points.ndim == 3:
        points = points[:, None]
        notes.append("inputs read as grey images")
    elif points.ndim == 4 and points.shape[1] not in (1, 3, 4) and points.shape[3] in (1, 3, 4):
        points = points.permute(0, 3, 1, 2).contiguous()
        notes.append("inputs read as images, channels last")
    if not torch.isfinite(points).all():
        raise ValueError(f"the inputs of {path.name} hold NaN or infinite values; fill or drop those points")
    return points, ", ".join(notes)


def _answers(parts: dict[str, np.ndarray], path: Path, task: Task | None) -> Answers:
    """The labels of the pool, then those of the test part: read as one, so that both number the classes alike."""
    if "labels" not in parts:
        if "test_labels" in parts:
            raise ValueError(f"{path.name} has test labels but no labels; add an array named labels")
        return Answers(None, task or "unlabelled", (), f"{path.name}: no labels")
    given = [parts[part] for part in ("labels", "test_labels") if part in parts]
    given = [values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values for values in given]
    if given[0].ndim not in (1, 2) or len({values.shape[1:] for values in given}) > 1:
        shapes = " and ".join(str(values.shape) for values in given)
        raise ValueError(f"the labels of {path.name} have shapes {shapes}; expected one label, or one row, a point")
    values = np.concatenate(given)
    if values.ndim == 2:
        return read_rows_of_answers(values, f"the labels of {path.name}", task)
    column = pd.Series(values.astype(str)).replace("", None) if values.dtype.kind in "US" else pd.Series(values)
    return read_answers(column, f"the labels of {path.name}", task)


def _class_names(parts: dict[str, np.ndarray], answers: Answers, path: Path) -> tuple[str, ...]:
    if "class_names" not in parts:
        return answers.class_names
    names = tuple(parts["class_names"].astype(str).tolist())
    if len(names) != len(answers.class_names):
        raise ValueError(f"{path.name} has {len(names)} class_names, but its labels have {len(answers.class_names)}")
    return names
