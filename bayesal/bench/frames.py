"""The few things a report asks of a table, with types: pandas' own say "a column or a table"."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float


def rows_of(table: pd.DataFrame, method: str, seed: int | None = None) -> pd.DataFrame:
    """The rows of one method, and of one seed if it is given."""
    own: Any = table["method"] == method
    return pd.DataFrame(table[own if seed is None else own & (table["seed"] == seed)])


def ordered(table: pd.DataFrame, *by: str) -> pd.DataFrame:
    """Sorted by these columns; rows that are alike in them keep their order."""
    return pd.DataFrame(table.sort_values(by=list(by), kind="stable"))


def numbers(table: pd.DataFrame, column: str) -> Float[np.ndarray, "R"]:
    """The column as numbers; NaN where it is empty or not there."""
    if column not in table:
        return np.full(len(table), np.nan)
    return np.asarray(pd.to_numeric(values(table, column)), dtype=np.float64)


def values(table: pd.DataFrame, column: str) -> pd.Series:
    return pd.Series(table[column])


def distinct(table: pd.DataFrame, column: str) -> list[Any]:
    """The column's different values in the order they first stand there."""
    return list(dict.fromkeys(values(table, column).tolist()))


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """One dictionary a row."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def median(numbers: Sequence[float] | np.ndarray) -> float:
    """Of those that are known; NaN if none is."""
    known = np.asarray(numbers, dtype=np.float64)
    known = known[~np.isnan(known)]
    return float(np.median(known)) if len(known) else float("nan")
