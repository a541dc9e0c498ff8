"""Ids and labels as JSON text, exactly: the id 7 is not the id "7", and a float comes back to the bit."""

import json
import math
from typing import Any

import numpy as np
from torch import Tensor

from bayesal.types import Id, Label


def encode_id(key: Any) -> str:
    """An id as JSON. Raises ValueError for anything but an integer or a string."""
    if isinstance(key, np.generic):
        key = key.item()
    if isinstance(key, bool) or not isinstance(key, str | int):
        raise ValueError(f"ids are integers or strings, but {key!r} is a {type(key).__name__}")
    return json.dumps(key)


def encode_label(key: Any, label: Any) -> str:
    """A label as JSON: a number, a string, a truth value, or lists of these (arrays and tensors become lists).

    Raises ValueError, naming the point, for None, NaN and infinities (no answer is no label) and for anything else.
    """
    if label is None:
        raise ValueError(f"the label of {key!r} is None; a point that cannot be labelled is skipped: skip([{key!r}])")
    return json.dumps(_plain(key, label), allow_nan=False)


def decode(text: str) -> Any:
    """What ``encode_id`` or ``encode_label`` wrote."""
    return json.loads(text)


def plain_id(key: Any) -> Id:
    """The id as a plain int or str, as the ledger will return it."""
    return decode(encode_id(key))


def _plain(key: Any, label: Any) -> Label:
    if isinstance(label, np.ndarray | np.generic | Tensor):
        label = label.tolist()
    if isinstance(label, list | tuple):
        return [_plain(key, part) for part in label]
    if isinstance(label, float) and not math.isfinite(label):
        raise ValueError(
            f"the label of {key!r} holds {label}; a label is a finite number: correct it or skip the point"
        )
    if not isinstance(label, bool | int | float | str):
        raise ValueError(
            f"the label of {key!r} holds a {type(label).__name__}; labels are numbers, strings or lists of these"
        )
    return label
