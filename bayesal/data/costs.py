"""What the label of each point costs: a column of the user's table, or an array of their file."""

import numpy as np
import pandas as pd
from jaxtyping import Float

from bayesal.data.dataset import DataSet


def read_costs(values: pd.Series, ids: np.ndarray, what: str) -> Float[np.ndarray, "N"]:
    """The costs of these ids as float64, in any unit; NaN where the entry is empty.

    Raises ValueError, naming ``what`` was read and the point, for an entry that is not a finite number above 0.
    """
    if pd.api.types.is_bool_dtype(values.dtype) or pd.api.types.is_datetime64_any_dtype(values.dtype):
        raise ValueError(f"{what} holds {values.dtype}; a cost is a finite number above 0")
    read = pd.Series(pd.to_numeric(values, errors="coerce"))
    costs = read.to_numpy(dtype=np.float64, na_value=np.nan)
    empty = values.isna().to_numpy(dtype=bool)
    wrong = np.flatnonzero(~empty & ~(np.isfinite(costs) & (costs > 0)))
    if len(wrong):
        value, key = values.tolist()[wrong[0]], ids.tolist()[wrong[0]]
        raise ValueError(f"{what} holds {value!r} for the point {key!r}; a cost is a finite number above 0")
    return costs


def check_priced(dataset: DataSet, needed: np.ndarray, column: str) -> None:
    """Raises ValueError for the first point without a cost among those that are ``needed`` (N booleans)."""
    if dataset.costs is None:
        return
    missing = np.flatnonzero(needed & np.isnan(dataset.costs))
    if len(missing):
        raise ValueError(
            f"{column!r} of {dataset.name} is empty for the point {dataset.ids.tolist()[missing[0]]!r}, which may be "
            "asked for; give every such point a cost, a finite number above 0"
        )
