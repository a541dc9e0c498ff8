"""Tables: CSV and Parquet files of a user's own."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from bayesal.data.answers import Task, read_answers
from bayesal.data.costs import read_costs
from bayesal.data.dataset import DataSet

TARGETS = ("label", "target")
MOST_CATEGORIES = 50
TABLE_SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet", ".pq")


def read_frame(path: Path) -> pd.DataFrame:
    """A CSV, TSV or Parquet file, where whole numbers with gaps stay whole; ValueError if it cannot be read."""
    try:
        if path.suffix in (".parquet", ".pq"):
            return pd.read_parquet(path, dtype_backend="numpy_nullable")
        separator = "\t" if ".tsv" in path.suffixes else ","
        return pd.read_csv(path, sep=separator, dtype_backend="numpy_nullable")
    except (ValueError, OSError, EOFError) as error:  # Arrow's and pandas' own errors are among these
        raise ValueError(f"cannot read {path} as a table: {error}") from error


def table_data_set(path: Path, *, target: str | None, task: Task | None, cost: str | None = None) -> DataSet:
    """A table: one row a point.

    ``target``: the column of labels, default ``label`` or ``target`` if there is one, else the last column; ``""`` for
    a table without labels. An ``id`` column gives the ids, else the row numbers. ``cost``: the column of what each
    label costs. Every other column is an input: numbers as they are, ordered categories as 0, 1, ..., words as one 0/1
    column a word.
    """
    frame = read_frame(path)
    ids, numbered = np.arange(len(frame)), "row numbers are the ids"
    if "id" in frame.columns:
        if bool(frame["id"].isna().any()):
            raise ValueError(f"the column 'id' of {path.name} is empty in places; every point needs an id")
        ids, numbered = frame.pop("id").to_numpy(dtype=object), "the column 'id' gives the ids"
    costs, priced = None, ""
    if cost is not None:
        costs, priced = _costs(frame, path, cost, target, ids), f"the column {cost!r} is what a label costs"
    column = _target_of(frame, path, target)
    labels = frame.pop(column) if column else pd.Series(np.full(len(frame), np.nan))
    answers = read_answers(labels, f"the column {column!r}" if column else path.name, task)
    inputs, encoded = encode(frame, path.name)
    return DataSet(
        name=path.name.split(".")[0],
        inputs=torch.from_numpy(inputs),
        labels=answers.labels,
        kind=answers.kind,
        class_names=answers.class_names,
        ids=ids,
        source=str(path),
        note="; ".join(filter(None, (answers.note, encoded, numbered, priced))),
        costs=costs,
    )


def encode(frame: pd.DataFrame, what: str) -> tuple[np.ndarray, str]:
    """The columns as float32, and a sentence about those that were not numbers.

    Raises ValueError naming the column for missing or infinite values, dates, and texts that are not categories.
    """
    if frame.shape[1] == 0:
        raise ValueError(
            f"{what} has no column left to learn from; give it one beside the labels, with commas (.csv) or tabs "
            "(.tsv) between columns"
        )
    parts, notes = [], []
    for name, values in frame.items():
        if values.isna().any():
            raise ValueError(
                f"the column {name!r} of {what} has {int(values.isna().sum())} missing values; fill them, or drop the "
                "column or the rows"
            )
        if values.dtype.kind in "fiub":
            part = values.to_numpy(dtype=np.float32)[:, None]
        else:
            part, note = _encode_words(values, f"the column {name!r} of {what}")
            notes.append(f"{name!r} {note}")
        if not np.isfinite(part).all():
            raise ValueError(f"the column {name!r} of {what} holds infinite values; correct or drop them")
        parts.append(part)
    return np.concatenate(parts, axis=1), "columns of words: " + ", ".join(notes) if notes else ""


def _encode_words(values: pd.Series, what: str) -> tuple[np.ndarray, str]:
    if isinstance(values.dtype, pd.CategoricalDtype) and values.dtype.ordered:
        grades = values.cat.categories.astype(str)
        return values.cat.codes.to_numpy(dtype=np.float32)[:, None], f"as 0 ... {len(grades) - 1} in its own order"
    if values.dtype.kind in "mM":
        raise ValueError(f"{what} holds dates or durations; turn it into numbers, or drop it")
    words = values.astype(str)
    numbers = [_is_number(word) for word in words.tolist()]
    if len(words) / 2 < sum(numbers) < len(words):
        odd = words.tolist()[numbers.index(False)]
        raise ValueError(f"{what} holds numbers, but also {odd!r}; mend those rows, or drop the column")
    categories = sorted(words.unique().tolist())
    if len(categories) > MOST_CATEGORIES:
        raise ValueError(
            f"{what} holds {len(categories)} different texts such as {categories[0]!r}, more than the "
            f"{MOST_CATEGORIES} that are taken for categories; encode or drop it"
        )
    codes = pd.Categorical(words, categories=categories).codes
    return np.eye(len(categories), dtype=np.float32)[codes], f"as {len(categories)} columns of 0 and 1"


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _costs(frame: pd.DataFrame, path: Path, cost: str, target: str | None, ids: np.ndarray) -> np.ndarray:
    """The costs, taken out of the frame."""
    if cost in (target, "id"):
        raise ValueError(f"the column {cost!r} of {path.name} is the target or the ids; name another one as the cost")
    if cost not in frame.columns:
        raise ValueError(f"{path.name} has no column {cost!r}; its columns are {', '.join(map(str, frame))}")
    return read_costs(frame.pop(cost), ids, f"the column {cost!r} of {path.name}")


def _target_of(frame: pd.DataFrame, path: Path, target: str | None) -> str | None:
    if target == "":
        return None
    if target is not None:
        if target not in frame.columns:
            raise ValueError(f"{path.name} has no column {target!r}; its columns are {', '.join(map(str, frame))}")
        return target
    named = [name for name in TARGETS if name in frame.columns]
    if len(named) > 1:
        raise ValueError(f"{path.name} has the columns {' and '.join(map(repr, named))}; say which is the target")
    if frame.shape[1] == 0:
        raise ValueError(f"{path.name} has no columns")
    return named[0] if named else str(frame.columns[-1])
