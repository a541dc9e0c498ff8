"""What a column of labels means: classes or amounts."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from bayesal.data.dataset import Kind

Task: TypeAlias = Literal["classification", "regression", "multilabel"]
FEW = 8  # names shown in a note


@dataclass(frozen=True, eq=False)
class Answers:
    """Labels as ``DataSet`` holds them, and a sentence about how they were read."""

    labels: Tensor | None
    kind: Kind
    class_names: tuple[str, ...]
    note: str


def read_answers(values: pd.Series, what: str, task: Task | None) -> Answers:
    """The rule: words, integers and booleans are classes, numbers with a decimal point are amounts; ``task`` overrides.

    Classes are numbered in the order of their names (integers by size). Missing entries are not yet labelled.
    Raises ValueError, naming ``what`` was read, for labels that mix words and numbers or do not fit the task.
    """
    missing = values.isna().to_numpy(dtype=bool)
    known = values.dropna()
    if known.empty:
        return Answers(None, task or "unlabelled", (), f"{what}: no labels")
    sort = "words" if _are_words(known, what) else "amounts" if pd.api.types.is_float_dtype(known.dtype) else "integers"
    kind = task or ("regression" if sort == "amounts" else "classification")
    if kind == "multilabel":
        raise ValueError(f"{what} gives one label a point; a multilabel task needs a row of 0 and 1 a point (.npz)")
    decided = "as asked" if task else f"{sort}; task= overrides"
    blank = f", {int(missing.sum())} of {len(values)} not labelled" if missing.any() else ""
    if kind == "regression":
        if sort == "words":
            raise ValueError(f"{what} holds words such as {known.iloc[0]!r}, which cannot be read as amounts")
        labels = values.to_numpy(dtype=np.float32, na_value=np.nan, copy=True)  # pandas' own may be read-only
        if np.isinf(labels).any():
            raise ValueError(f"{what} holds an infinite amount; correct it or leave it empty")
        return Answers(torch.from_numpy(labels), kind, (), f"{what}: read as amounts ({decided}){blank}")
    classes = sorted(known.unique().tolist())
    codes = pd.Categorical(values, categories=classes).codes.astype(np.int64)
    names = tuple(_name(value) for value in classes)
    shown = ", ".join(names[:FEW]) + (", ..." if len(names) > FEW else "")
    note = f"{what}: read as {len(names)} classes, {shown} ({decided}){blank}"
    return Answers(torch.from_numpy(codes), kind, names, note)


def read_rows_of_answers(values: np.ndarray, what: str, task: Task | None) -> Answers:
    """Several labels a point: rows of 0 and 1 are ``multilabel``, rows of amounts a regression of many outputs."""
    binary = values.dtype.kind in "iub" and bool(np.isin(values, (0, 1)).all())
    kind = task or ("multilabel" if binary else "regression" if values.dtype.kind == "f" else "classification")
    known = values[~np.isnan(values)] if values.dtype.kind == "f" else values
    if kind == "classification" or (kind == "multilabel" and not np.isin(known, (0, 1)).all()):
        raise ValueError(
            f"{what} has {values.shape[1]} labels a point: give one class a point, rows of 0 and 1 (multilabel), or "
            "rows of amounts (regression)"
        )
    names = tuple(map(str, range(values.shape[1]))) if kind == "multilabel" else ()
    decided = "as asked" if task else "task= overrides"
    note = f"{what}: read as {values.shape[1]} {'labels' if names else 'amounts'} a point, {kind} ({decided})"
    return Answers(torch.from_numpy(values.astype(np.float32)), kind, names, note)


def _are_words(known: pd.Series, what: str) -> bool:
    if isinstance(known.dtype, pd.CategoricalDtype):
        known = known.astype(known.cat.categories.dtype)
    if known.dtype.kind in "fiub":
        return False
    others = [value for value in known if not isinstance(value, str)]
    if others:
        raise ValueError(f"{what} mixes words with values such as {others[0]!r}; write all labels the same way")
    return True


def _name(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
