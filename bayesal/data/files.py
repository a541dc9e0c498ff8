"""A user's own data: which reader a path goes to."""

from pathlib import Path

from bayesal.data.answers import Task
from bayesal.data.arrays import npy_data_set, npz_data_set
from bayesal.data.dataset import DataSet
from bayesal.data.folders import folder_data_set
from bayesal.data.tables import TABLE_SUFFIXES, table_data_set


def read_file(path: Path, *, target: str | None = None, task: Task | None = None, cost: str | None = None) -> DataSet:
    """The data set in an ``.npz`` or ``.npy`` file, a CSV, TSV or Parquet table, or a folder of images.

    ``target``: the column of labels of a table (default ``label``, ``target``, or the last; ``""`` for none). ``task``:
    what the labels mean, where the rule (words, integers and booleans are classes, numbers with a decimal point are
    amounts) is not what is meant. ``cost``: the column of a table, or the array of an ``.npz`` file, that says what
    each point's label costs. What was decided is in the data set's ``note``. Raises ValueError in one sentence for
    anything that cannot be read as points with at most one label each.
    """
    suffix = "".join(path.suffixes[-2:]).lower() if path.suffix == ".gz" else path.suffix.lower()
    if not path.exists():
        raise ValueError(f"there is no file or folder at {path}")
    if not path.is_dir() and suffix in TABLE_SUFFIXES:
        return table_data_set(path, target=target, task=task, cost=cost)
    if target is not None:
        raise ValueError(f"a target column was named, but {path} is not a table")
    if cost is not None and (path.is_dir() or suffix != ".npz"):
        raise ValueError(f"the column {cost!r} of costs was named, but {path} is neither a table nor an .npz file")
    if path.is_dir():
        return folder_data_set(path, task=task)
    if suffix == ".npz":
        return npz_data_set(path, task=task, cost=cost)
    if suffix == ".npy":
        return npy_data_set(path)
    raise ValueError(
        f"cannot read {path.name}: expected an .npz or .npy file, a table ({', '.join(TABLE_SUFFIXES)}), or a folder "
        "of images"
    )
