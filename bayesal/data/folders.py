"""Folders of images of a user's own."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bayesal.data.answers import Task, read_answers
from bayesal.data.dataset import DataSet
from bayesal.data.images import ImageFolderSource, image_paths, relative_names
from bayesal.data.tables import TARGETS, read_frame

FILE_COLUMNS = ("file", "filename", "file_name", "image", "path", "name", "id")


def folder_data_set(folder: Path, *, task: Task | None) -> DataSet:
    """Images below a folder; the ids are the file names relative to it.

    Labels, by what is there: ``labels.csv`` (a column of file names and a column ``label`` or ``target``, or two
    columns in that order), else the sub-folder an image lies in is its class, else none. Images without one are not
    yet labelled. With sub-folders ``train`` and ``test``, those are the pool and the test part. All images are read
    at the size and with the channels of the first one, scaled to 0 ... 1.
    """
    listed = folder / "labels.csv"
    parts = ["train", "test"] if not listed.exists() and (folder / "train").is_dir() else [""]
    paths = {part: image_paths(folder / part) for part in parts}
    ids = {part: relative_names(paths[part], folder) for part in parts}
    names = [name for part in parts for name in ids[part]]
    # Read as one, so that the pool and the test part number the classes alike.
    labels = (
        _listed(listed, names) if listed.exists() else pd.Series([_folder_of(n, parts) for n in names], dtype=object)
    )
    answers = read_answers(labels, str(listed) if listed.exists() else "the folders", task)
    pool = ImageFolderSource(paths[parts[0]])
    num_test = len(names) - len(pool)
    test = ImageFolderSource(paths["test"], pool.size, pool.channels) if num_test else None
    known = answers.labels
    shape = f"{pool.channels} x {pool.size[0]} x {pool.size[1]}"
    return DataSet(
        name=folder.resolve().name,
        inputs=pool,
        labels=None if known is None else known[: len(pool)],
        test_inputs=test,
        test_labels=None if known is None or test is None else known[len(pool) :],
        kind=answers.kind,
        class_names=answers.class_names,
        ids=np.array(names[: len(pool)], dtype=object),
        image=True,
        source=str(folder),
        note=f"{answers.note}; images read as {shape}, as the first one is, and scaled to 0 ... 1",
    )


def _folder_of(name: str, parts: Sequence[str]) -> str | None:
    """The class of a file: the folder it lies in, below ``train`` or ``test`` if there are those."""
    steps = name.split("/") if parts == [""] else name.split("/")[1:]
    return steps[0] if len(steps) > 1 else None


def _listed(path: Path, names: Sequence[str]) -> pd.Series:
    """The labels of these files from a list beside them, in their order."""
    frame = read_frame(path)
    files = next((name for name in FILE_COLUMNS if name in frame.columns), None)
    labels = next((name for name in TARGETS if name in frame.columns), None)
    if (files is None or labels is None) and frame.shape[1] == 2:
        files, labels = frame.columns
    if files is None or labels is None:
        raise ValueError(f"{path} needs a column of file names and a column 'label'; it has {', '.join(frame.columns)}")
    listed = pd.Series(frame[labels].array, index=frame[files])
    repeated = listed.index[listed.index.duplicated()]
    if len(repeated):
        raise ValueError(f"{path} lists the file {repeated[0]!r} twice; keep one label a file")
    absent = listed.index.difference(pd.Index(names))
    if len(absent):
        raise ValueError(f"{path} lists {len(absent)} files that are not there, such as {absent[0]!r}")
    return listed.reindex(names).reset_index(drop=True)
