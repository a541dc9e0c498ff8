"""Labels: which are known, and the known ones as one tensor."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from bayesal.data.ids import positions_of
from bayesal.types import Id, Label


def known_labels(labels: Any, index: pd.Index) -> dict[Id, Label]:
    """``{id: label}`` of what is known, from a mapping or from one entry a point; None and NaN are "not yet"."""
    if labels is None:
        return {}
    if isinstance(labels, Mapping):
        try:
            positions_of(list(labels), index)
        except KeyError as error:
            raise ValueError(f"there is a label too many: {error.args[0]}") from None
        return {key: label for key, label in labels.items() if not is_missing(label)}
    values = labels.tolist() if isinstance(labels, Tensor | np.ndarray) else list(labels)
    if len(values) != len(index):
        raise ValueError(f"there are {len(index)} points but {len(values)} labels; give one a point, None if unknown")
    return {key: label for key, label in zip(index.tolist(), values, strict=True) if not is_missing(label)}


def is_missing(label: Label) -> bool:
    """None, NaN, or a vector with nothing but NaN. Raises ValueError for a vector known only in part."""
    if label is None or label is pd.NA:
        return True
    if isinstance(label, str | int | np.integer):
        return False
    if isinstance(label, float):
        return label != label
    values = np.asarray(label)
    if values.dtype.kind not in "fc":
        return False
    unknown = np.isnan(values)
    if unknown.any() and not unknown.all():
        raise ValueError(f"the label {label} is known only in part; leave the whole label out, or complete it")
    return bool(unknown.all()) and values.size > 0


def as_targets(labels: Mapping[Id, Label]) -> Tensor:
    """The labels as one tensor: class numbers as int64, amounts as float64."""
    try:
        stacked = np.asarray([np.asarray(label) for label in labels.values()])
    except ValueError:
        shapes = sorted({np.shape(label) for label in labels.values()})
        raise ValueError(
            f"the labels have different shapes ({', '.join(map(str, shapes))}); give all the same"
        ) from None
    if stacked.dtype.kind not in "fiub":
        example = next(iter(labels.values()))
        raise ValueError(f"labels must be numbers to learn from, but one is {example!r}; number the classes 0 ... C-1")
    return torch.from_numpy(stacked)
