"""The diamonds: prices of 53,940 round-cut stones (H. Wickham, ggplot2, 2016)."""

import numpy as np
import pandas as pd

from bayesal.data.dataset import DataSet
from bayesal.data.split import split
from bayesal.data.uci import DRAWN_TEST_FRACTION, table

ROWS = 53_940
GRADES = {
    "cut": ("Fair", "Good", "Very Good", "Premium", "Ideal"),
    "color": ("J", "I", "H", "G", "F", "E", "D"),
    "clarity": ("I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"),
}
"""From worst to best."""
INPUTS = ("carat", "cut", "color", "clarity", "depth", "table", "x", "y", "z")


def diamonds(frame: pd.DataFrame, number: int, source: str) -> DataSet:
    """Nine inputs, grades as 0, 1, ... from worst to best; the target is the natural logarithm of the price.

    No split is published: ``number`` seeds a drawn test part of a tenth.
    """
    absent = [column for column in (*INPUTS, "price") if column not in frame.columns]
    if absent:
        raise ValueError(f"{source} lacks the columns {', '.join(absent)} of the diamonds; it is another table")
    columns = []
    for name in INPUTS:
        values = frame[name]
        if name in GRADES:
            codes = pd.Index(GRADES[name]).get_indexer(pd.Index(values.astype(str)))
            if (codes < 0).any():
                raise ValueError(f"{source}: a {name} is none of {', '.join(GRADES[name])}")
            values = codes
        columns.append(np.asarray(values, dtype=np.float64))
    note = "grades as numbers from worst to best; target: natural logarithm of the price"
    whole = table("diamonds", np.stack(columns, 1), np.log(frame["price"].to_numpy(dtype=np.float64)), source, note)
    return split(whole, test_fraction=DRAWN_TEST_FRACTION, seed=number)
