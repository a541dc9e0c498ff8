"""Ids: the user's stable keys, and where they stand."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd

from bayesal.types import Ids


def index_of(ids: Iterable[Any] | None, n: int) -> pd.Index:
    """The index of n points: their ids, or 0 ... n-1. The id 1 and the id "1" are two different ids.

    Raises ValueError when ids are too few, too many, repeated, or neither integers nor strings.
    """
    if ids is None:
        return pd.RangeIndex(n)
    index = _index(ids)
    if len(index) != n:
        raise ValueError(f"there are {n} points but {len(index)} ids; every point needs one id")
    if not index.is_unique:
        twice = index[index.duplicated()].tolist()[0]
        raise ValueError(f"the id {twice!r} stands for more than one point; ids must be unique")
    return index


def positions_of(ids: Ids, index: pd.Index) -> np.ndarray:
    """Where the ids stand in the index. Raises KeyError with the first id that is not there."""
    if len(ids) == 0:
        return np.empty(0, dtype=np.int64)
    # What a pool showed of its own ids is looked up as it is; anything else is brought to the index's dtype first.
    own = isinstance(ids, np.ndarray) and ids.dtype == index.dtype
    found = index.get_indexer(pd.Index(ids, dtype=index.dtype) if own else _index(ids))
    if (found < 0).any():
        missing = np.asarray(ids, dtype=object)[found < 0].tolist()[0]
        raise KeyError(f"the pool has no point with the id {missing!r}")
    return found.astype(np.int64, copy=False)


def _index(ids: Iterable[Any]) -> pd.Index:
    # One dtype for every spelling: int64 when all are integers, objects otherwise. NumPy would turn [1, "1"] into two
    # equal strings, and pandas would keep strings in Arrow, where taking a million out costs a third of a second.
    if isinstance(ids, np.ndarray) and ids.ndim == 1 and ids.dtype.kind in "iu":
        return _frozen(ids.astype(np.int64))
    given = ids if isinstance(ids, np.ndarray) else list(ids)
    if isinstance(given, np.ndarray) and given.ndim != 1:
        raise ValueError(f"ids are one a point, but they have the shape {given.shape}")
    keys = np.empty(len(given), dtype=object)
    keys[:] = given
    kind = pd.api.types.infer_dtype(keys, skipna=False)
    if kind in ("integer", "empty"):
        with suppress(OverflowError):  # integers beyond 64 bits stay objects
            return _frozen(keys.astype(np.int64))
    if kind not in ("string", "integer"):
        for position, key in enumerate(keys):
            if isinstance(key, bool | np.bool_) or not isinstance(key, str | int | np.integer):
                raise ValueError(f"ids must be integers or strings, but one of them is {key!r}, a {type(key).__name__}")
            if isinstance(key, np.integer):
                keys[position] = int(key)
    return _frozen(keys)


def _frozen(keys: np.ndarray) -> pd.Index:
    keys.flags.writeable = False  # Pool.ids shows this very array
    return pd.Index(keys, dtype=keys.dtype)
