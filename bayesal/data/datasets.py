"""Data sets by name, and by the path of a user's own."""

import difflib
import os
from pathlib import Path

from bayesal.data.answers import Task
from bayesal.data.dataset import DataSet as DataSet
from bayesal.data.diamonds import diamonds
from bayesal.data.fetch import NotReached, fetched_images, fetched_table
from bayesal.data.files import read_file
from bayesal.data.idx import NORMALISATION, digits_or_articles, read_folder
from bayesal.data.shipped import diabetes, digits
from bayesal.data.split import split as split
from bayesal.data.tables import read_frame
from bayesal.data.uci import TEN_FOLDS, TWENTY_SPLITS, ten_folds, twenty_splits, with_drawn_split

NAMES = {
    "digits": "8 x 8 digit images, 10 classes (shipped by scikit-learn)",
    "diabetes": "regression, 442 rows of 10 inputs (shipped by scikit-learn)",
    "mnist": "28 x 28 digit images, 10 classes",
    "fashion-mnist": "28 x 28 article images, 10 classes",
    "diamonds": "regression, 53,940 rows of 9 inputs",
    **{name: f"regression, {rows:,} rows, twenty published splits" for name, rows in TWENTY_SPLITS.items()},
    **{name: f"regression, {rows:,} rows, ten published folds" for name, rows in TEN_FOLDS.items()},
}
"""Every data set that ``load`` knows by name, with a line about it."""


def load(
    data: str | os.PathLike[str],
    *,
    seed: int = 0,
    split: int | None = None,
    root: str | os.PathLike[str] | None = None,
    target: str | None = None,
    task: Task | None = None,
    cost: str | None = None,
) -> DataSet:
    """A data set by one of the ``NAMES``, or from a file or folder of the user's own (``files.read_file``).

    A string that is one of the names means the name: write ``./digits`` for a folder called so.

    A name comes from scikit-learn where it ships with it, else from the folder ``root`` (default ``$BAYESAL_DATA``)
    with ``mnist/`` and ``fashion-mnist/`` (the four idx files), ``uci-20split/NAME/``, ``uci-10fold/NAME/`` and
    ``diamonds/diamonds.csv.gz``, else from OpenML or torchvision through the cache folder.

    ``split`` (default ``seed``) is the number of the published split, modulo how many there are; where none is
    published it seeds the draw of the test part: 30 % of digits (by class) and of diabetes, 10 % of diamonds. MNIST
    has a test part of its own. ``target``, ``cost`` (columns) and ``task`` are for the user's own data, which come
    without a test part unless the file has one: draw it with ``bayesal.data.split.split``.

    Raises ValueError for a name or path that is unknown, and when no way to the data is open.
    """
    name = data.lower().replace("_", "-") if isinstance(data, str) else ""
    if name not in NAMES:
        path = Path(data).expanduser()
        if not path.exists():
            raise ValueError(_unknown(str(data)))
        return read_file(path, target=target, task=task, cost=cost)
    if target is not None or task is not None:
        raise ValueError(f"{name} has its own target and task; target and task are for your own files")
    number = seed if split is None else split
    if cost is not None:
        raise ValueError(f"{name} does not say what a label costs; cost is for a table or an .npz file of your own")
    if name == "digits":
        return digits(number)
    if name == "diabetes":
        return diabetes(number)
    chosen = root if root is not None else os.environ.get("BAYESAL_DATA")
    local = Path(chosen) if chosen else None
    try:
        return _images(name, local) if name in NORMALISATION else _table(name, local, number)
    except NotReached as reasons:
        raise ValueError(
            f"cannot find {name}. Three ways: set $BAYESAL_DATA to a folder that holds {_place(name)} "
            f"({'it is not set' if local is None else f'{local} holds none'}), or give a network that reaches "
            f"openml.org, or install torchvision (for mnist and fashion-mnist). Tried: {reasons}"
        ) from reasons


def _place(name: str) -> str:
    """The folder of a data set below the data folder."""
    return f"uci-20split/{name}" if name in TWENTY_SPLITS else f"uci-10fold/{name}" if name in TEN_FOLDS else name


def _images(name: str, local: Path | None) -> DataSet:
    if local is not None and (local / name).is_dir():
        return digits_or_articles(name, read_folder(local / name), str(local / name))
    return digits_or_articles(name, *fetched_images(name))


def _table(name: str, local: Path | None, seed: int) -> DataSet:
    folder = None if local is None else local / _place(name)
    if folder is None or not folder.is_dir():
        frame, source = fetched_table(name)
        return diamonds(frame, seed, source) if name == "diamonds" else with_drawn_split(name, frame, seed, source)
    if name == "diamonds":
        file = folder / "diamonds.csv.gz"
        return diamonds(read_frame(file), seed, str(file))
    return twenty_splits(folder, name, seed) if name in TWENTY_SPLITS else ten_folds(folder, name, seed)


def _unknown(given: str) -> str:
    close = difflib.get_close_matches(given.lower().replace("_", "-"), NAMES, cutoff=0.5)
    meant = f"; did you mean {' or '.join(close)}?" if close else "."
    return (
        f"there is no data set and no file or folder called {given!r}{meant} Known names: {', '.join(NAMES)}; or give "
        "the path of an .npz, CSV or Parquet file or of a folder of images"
    )
