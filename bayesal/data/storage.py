"""Sources: anything with a length whose points can be gathered by position, as one batch."""

import mmap
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from bayesal.types import Inputs


@runtime_checkable
class Source(Protocol):
    """Points in storage. ``gather`` reads the wanted positions, in the order asked, as one fresh batch."""

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
            return self.values[span].clone()  # a model that works in place must not reach the pool
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
        span = _as_slice(positions)
        native = self.values.dtype.newbyteorder("=")
        read = np.array(self.values[positions if span is None else span], dtype=native)
        file = _mapped_file(self.values)
        if file is not None and hasattr(file, "madvise"):
            # The pages just read are clean copies of the file: without them the process stays one chunk large.
            file.madvise(mmap.MADV_DONTNEED)
        return torch.from_numpy(read)


class DatasetSource:
    """A map-style data set: ``len(data)`` and ``data[i]``; of a tuple, the first part is the input.

    Points that are mappings (Hugging Face) are gathered into a mapping of batches; texts stay a list of strings.
    """

    def __init__(self, data: Any) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def gather(self, positions: np.ndarray, /) -> Inputs:
        wanted = positions.tolist()
        if not wanted:  # the first point tells what an empty batch looks like
            return _first(self.gather(np.zeros(1, dtype=np.int64)), 0) if len(self.data) else torch.empty(0)
        # Hugging Face and torch's Subset read a whole batch at once, many times faster than point by point.
        points = (
            self.data.__getitems__(wanted) if hasattr(self.data, "__getitems__") else [self.data[i] for i in wanted]
        )
        points = [point[0] if isinstance(point, tuple) else point for point in points]
        if isinstance(points[0], Mapping):
            return {key: _stack([point[key] for point in points]) for key in points[0]}
        return _stack(points)


def _mapped_file(values: Any) -> mmap.mmap | None:
    """The map an array reads from, also through views; None for arrays in memory and for copy-on-write maps."""
    shared = False
    while isinstance(values, np.ndarray):
        shared = shared or (isinstance(values, np.memmap) and getattr(values, "mode", "c") != "c")
        values = values.base
    return values if shared and isinstance(values, mmap.mmap) else None


def _stack(values: list[Any]) -> Tensor | list[str]:
    if isinstance(values[0], str):
        return values
    return torch.stack([value if isinstance(value, Tensor) else torch.as_tensor(np.asarray(value)) for value in values])


def _first(batch: Inputs, n: int) -> Inputs:
    return {key: part[:n] for key, part in batch.items()} if isinstance(batch, Mapping) else batch[:n]


def _as_slice(positions: np.ndarray) -> slice | None:
    """A run of neighbours is read as a slice: no index, and for a mapped file one sequential read."""
    n = len(positions)
    if n and positions[-1] - positions[0] == n - 1 and bool((np.diff(positions) == 1).all()):
        return slice(int(positions[0]), int(positions[0]) + n)
    return None
