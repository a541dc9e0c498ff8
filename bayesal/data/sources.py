"""Sources: anything with a length whose points can be gathered by position, as one batch."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from bayesal.types import Inputs

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")


@runtime_checkable
class Source(Protocol):
    """Points in storage. ``gather`` reads the wanted positions, in the order asked, as one batch."""

    def __len__(self) -> int: ...

    def gather(self, positions: np.ndarray, /) -> Inputs: ...


class TensorSource:
    """A tensor whose first axis is the point."""

    def __init__(self, values: Tensor) -> None:
        if values.ndim == 0:
            raise ValueError("a pool needs points along the first axis, but its inputs are a single number")
        self.values = values

    def __len__(self) -> int:
        return self.values.shape[0]

    def gather(self, positions: np.ndarray, /) -> Tensor:
        span = _as_slice(positions)
        if span is not None:
            return self.values[span]
        return self.values[torch.from_numpy(positions).to(self.values.device)]


class ArraySource:
    """A NumPy array in memory or mapped from a file; a mapped file is never pulled into memory as a whole."""

    def __init__(self, values: np.ndarray) -> None:
        if values.ndim == 0:
            raise ValueError("a pool needs points along the first axis, but its inputs are a single number")
        if values.dtype.kind not in "fiub":
            raise ValueError(
                f"the inputs are an array of {values.dtype}; a pool needs numbers: encode texts or objects first"
            )
        self.values = values

    def __len__(self) -> int:
        return self.values.shape[0]

    def gather(self, positions: np.ndarray, /) -> Tensor:
        values = self._fresh_map()
        span = _as_slice(positions)
        # The copy lets go of the map's pages, so reading a large file through does not fill memory with it.
        return torch.from_numpy(np.array(values[positions if span is None else span]))

    def _fresh_map(self) -> np.ndarray:
        values = self.values
        whole_file = isinstance(values, np.memmap) and not isinstance(values.base, np.memmap)
        if not (whole_file and values.flags.c_contiguous and values.filename is not None):
            return values
        return np.memmap(values.filename, dtype=values.dtype, mode="r", offset=values.offset, shape=values.shape)


class DatasetSource:
    """A map-style data set: ``len(data)`` and ``data[i]``; of a tuple, the first part is the input."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def gather(self, positions: np.ndarray, /) -> Inputs:
        points = [self.data[int(i)] for i in positions]
        points = [point[0] if isinstance(point, tuple | list) else point for point in points]
        if points and isinstance(points[0], Mapping):
            return {key: _stack([point[key] for point in points]) for key in points[0]}
        return _stack(points)


class ImageFolderSource:
    """Image files, opened when asked for, as float tensors ``n channels height width`` between 0 and 1."""

    def __init__(self, paths: Sequence[Path], size: tuple[int, int] | None = None, channels: int | None = None) -> None:
        from PIL import Image

        if not paths:
            raise ValueError("the folder holds no images: expected files ending in " + " ".join(IMAGE_SUFFIXES))
        self.paths = list(paths)
        with Image.open(self.paths[0]) as first:
            self.size = size or (first.height, first.width)
            grey = first.mode in ("1", "L", "I", "I;16", "F")
        self.channels = channels or (1 if grey else 3)

    def __len__(self) -> int:
        return len(self.paths)

    def gather(self, positions: np.ndarray, /) -> Tensor:
        if len(positions) == 0:
            return torch.empty(0, self.channels, *self.size)
        return torch.stack([self._read(self.paths[int(i)]) for i in positions])

    def _read(self, path: Path) -> Tensor:
        from PIL import Image

        height, width = self.size
        try:
            with Image.open(path) as image:
                image = image.convert("L" if self.channels == 1 else "RGB")
                if image.size != (width, height):
                    image = image.resize((width, height), Image.Resampling.BILINEAR)
                values = np.asarray(image, dtype=np.float32) / 255
        except OSError as error:
            raise ValueError(f"cannot read the image {path}: {error}") from error
        return torch.from_numpy(values.reshape(height, width, self.channels)).permute(2, 0, 1).contiguous()


def source_of(inputs: Any) -> tuple[Source, list[str] | None]:
    """The source behind what a user passed, and the ids it brings of its own (file names), if any."""
    if isinstance(inputs, Tensor):
        return TensorSource(inputs), None
    if isinstance(inputs, np.ndarray):
        return ArraySource(inputs), None
    if isinstance(inputs, pd.DataFrame):
        return ArraySource(_numbers(inputs)), None
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


def image_paths(folder: Path) -> list[Path]:
    """All image files below the folder, in the order of their names."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)


def _source_at(path: Path) -> tuple[Source, list[str] | None]:
    if path.is_dir():
        paths = image_paths(path)
        return ImageFolderSource(paths), [p.relative_to(path).as_posix() for p in paths]
    if not path.exists():
        raise FileNotFoundError(f"there is no file or folder at {path}")
    if path.suffix == ".npy":
        return ArraySource(np.load(path, mmap_mode="r")), None
    if path.suffix in (".parquet", ".pq"):
        return ArraySource(_numbers(pd.read_parquet(path))), None
    raise ValueError(f"cannot read {path.name} as a pool: expected a folder of images, a .parquet or an .npy file")


def _numbers(frame: pd.DataFrame) -> np.ndarray:
    words = [str(column) for column in frame.columns if frame[column].dtype.kind not in "fiub"]
    if words:
        raise ValueError(
            f"the columns {json.dumps(words)} are not numbers; encode them (or drop them) before making a pool"
        )
    return frame.to_numpy(dtype=np.float32)


def _stack(values: list[Any]) -> Tensor:
    return torch.stack([value if isinstance(value, Tensor) else torch.as_tensor(np.asarray(value)) for value in values])


def _as_slice(positions: np.ndarray) -> slice | None:
    """A run of neighbours is read as a slice: no index, and for a mapped file one sequential read."""
    n = len(positions)
    if n and positions[-1] - positions[0] == n - 1 and bool((np.diff(positions) == 1).all()):
        return slice(int(positions[0]), int(positions[0]) + n)
    return None
