"""What a user gave as a pool: the source behind it, and the ids it brings."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from bayesal.data.images import ImageFolderSource, image_paths, relative_names
from bayesal.data.storage import ArraySource, DatasetSource, TensorSource
from bayesal.data.storage import Source as Source
from bayesal.types import Id


def source_of(inputs: Any) -> tuple[Source, Sequence[Id] | np.ndarray | None]:
    """The source behind what a user passed, and the ids it brings of its own (file names, row names), if any."""
    if isinstance(inputs, Tensor):
        return TensorSource(inputs), None
    if isinstance(inputs, np.ndarray):
        return ArraySource(inputs), None
    if isinstance(inputs, pd.DataFrame):
        return _source_of_table(inputs)
    if isinstance(inputs, str | os.PathLike):
        return _source_at(Path(inputs))
    if isinstance(inputs, Source):
        return inputs, None
    if isinstance(inputs, Mapping):
        raise ValueError(
            f"the inputs are a mapping with keys {sorted(map(str, inputs))}; "
            "pass a tensor, an array, a data set with len() and [i], or a path"
        )
    if hasattr(inputs, "__getitem__") and hasattr(inputs, "__len__"):
        return DatasetSource(inputs), None
    raise ValueError(
        f"cannot make a pool of a {type(inputs).__name__}; "
        "pass a tensor, an array, a data set with len() and [i], a Parquet file, or a folder of images"
    )


def _source_at(path: Path) -> tuple[Source, Sequence[Id] | np.ndarray | None]:
    if path.is_dir():
        paths = image_paths(path)
        return ImageFolderSource(paths), relative_names(paths, path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file or folder at {path}")
    if path.suffix == ".npy":
        return ArraySource(np.load(path, mmap_mode="r")), None
    if path.suffix in (".parquet", ".pq"):
        return _source_of_table(pd.read_parquet(path))
    raise ValueError(f"cannot read {path.name} as a pool: expected a folder of images, a .parquet or an .npy file")


def _source_of_table(frame: pd.DataFrame) -> tuple[Source, np.ndarray | None]:
    ids = None if isinstance(frame.index, pd.RangeIndex) else frame.index.to_numpy()
    if "id" in frame.columns:
        ids, frame = frame["id"].to_numpy(), frame.drop(columns="id")
    kinds = {str(name): dtype.kind for name, dtype in frame.dtypes.items()}
    words = [name for name, kind in kinds.items() if kind not in "fiub"]
    if words:
        raise ValueError(
            f"the columns {', '.join(map(repr, words))} are not numbers; encode or drop them before making a pool"
        )
    gaps = [str(name) for name in frame.columns[frame.isna().any()]]
    if gaps:
        raise ValueError(f"the columns {', '.join(map(repr, gaps))} have missing values; fill or drop them first")
    return ArraySource(frame.to_numpy(dtype=np.float32)), ids
