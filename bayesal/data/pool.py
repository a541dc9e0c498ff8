"""The pool: points with stable ids, the labels known so far, and the one streaming loop."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor
from tqdm import tqdm

from bayesal.data.ids import index_of, positions_of
from bayesal.data.labels import as_targets, is_missing, known_labels
from bayesal.data.sources import Source, source_of
from bayesal.types import Id, Ids, Inputs, Label, Labels, Look

SHOW_PROGRESS_AFTER = 2.0  # seconds: shorter scans stay silent


class Pool:
    """Points to label. A pool never changes: ``with_labels`` and ``only`` return new pools over the same storage.

    ``ids`` are the user's stable keys (file names, primary keys), unique, default 0 ... N-1. ``labels`` holds what is
    already known, in the order it became known. ``unlabelled`` and ``labelled`` are arrays of ids; ``.tolist()`` of
    them gives plain integers and strings.
    """

    def __init__(
        self,
        source: Source,
        index: pd.Index,
        labels: Mapping[Id, Label],
        candidates: np.ndarray | None = None,
        *,
        chunk_size: int = 256,
        progress: bool = True,
    ) -> None:
        self.source = source
        self.labels = labels
        self.chunk_size = chunk_size
        self.progress = progress
        self._index = index
        self._candidates = candidates

    @classmethod
    def of(
        cls,
        inputs: Any,
        ids: Ids | Iterable[Id] | None = None,
        labels: Labels | Sequence[Label] | np.ndarray | Tensor | pd.Series | None = None,
        *,
        chunk_size: int = 256,
        progress: bool = True,
    ) -> "Pool":
        """A pool of a tensor, an array (also memory-mapped), a torch or Hugging Face data set, a DataFrame, a Parquet
        or ``.npy`` file, or a folder of images.

        ``ids``: default the file names of a folder, the ``id`` column or the row names of a table, else 0 ... N-1.
        ``labels``: what is known already, as ``{id: label}``, or one entry a point; None or NaN is "not yet".
        ``chunk_size``: points handed to a model at once. ``progress``: a bar on the terminal for scans over 2 s.
        Raises ValueError for duplicate ids, a wrong number of ids or labels, or labels of ids that are not there.
        """
        source, own_ids = source_of(inputs)
        if chunk_size < 1:
            raise ValueError(f"chunk_size must be at least 1, but it is {chunk_size}")
        index = index_of(ids if ids is not None else own_ids, len(source))
        return cls(source, index, known_labels(labels, index), chunk_size=chunk_size, progress=progress)

    def __len__(self) -> int:
        return len(self._index)

    def __repr__(self) -> str:
        return f"Pool({len(self)} points, {len(self.labels)} labelled, {int(self._open().sum())} to choose from)"

    @property
    def ids(self) -> np.ndarray:
        """All ids, in storage order."""
        return self._index.to_numpy()

    @property
    def labelled(self) -> np.ndarray:
        """The ids whose labels are known, in the order they became known."""
        return self.ids[self.positions(list(self.labels))]

    @property
    def unlabelled(self) -> np.ndarray:
        """The ids a strategy may choose, in storage order."""
        return self.ids[self._open()]

    def positions(self, ids: Ids) -> np.ndarray:
        """Where these ids stand in storage. Raises KeyError with the first id that is not in the pool."""
        return positions_of(ids, self._index)

    def gather(self, ids: Ids) -> Inputs:
        """The inputs of these points, as one batch, in the order of ``ids``."""
        return self.source.gather(self.positions(ids))

    def targets(self) -> Tensor:
        """The known labels as one tensor, in the order of ``labelled``; raises ValueError when they are not numbers."""
        return as_targets(self.labels)

    def with_labels(self, labels: Labels) -> "Pool":
        """This pool with these labels known too; an id already labelled takes its new label, keeping its place.

        Raises KeyError for an id that is not in the pool, and ValueError for a label that is None or NaN.
        """
        self.positions(list(labels))
        for key, label in labels.items():
            if is_missing(label):
                raise ValueError(f"the label of {key!r} is {label}; leave an unknown label out")
        return self._but({**self.labels, **labels}, self._candidates)

    def only(self, ids: Ids) -> "Pool":
        """This pool where strategies may choose only among ``ids``; what is labelled stays labelled."""
        candidates = np.zeros(len(self), dtype=bool)
        candidates[self.positions(ids)] = True
        return self._but(self.labels, candidates if self._candidates is None else candidates & self._candidates)

    def scan(self, look: Look, ids: Ids | None = None, *, what: str = "scanning the pool") -> Tensor:
        """``look`` over these points (default: all), chunk by chunk, into one preallocated tensor of rows.

        The only streaming loop of the library: memory is one chunk plus the rows. The rows carry no gradient, and are
        passed on as they are, NaN included: the rules refuse those. An empty pool is one empty chunk.
        Raises ValueError when a look returns anything but one row a point, of one shape and dtype.
        """
        positions = np.arange(len(self)) if ids is None else self.positions(ids)
        rows: Tensor | None = None
        with tqdm(
            total=len(positions),
            desc=what,
            unit="pt",
            leave=False,
            delay=SHOW_PROGRESS_AFTER,
            disable=None if self.progress else True,
        ) as bar:
            for start in range(0, max(len(positions), 1), self.chunk_size):
                chunk = positions[start : start + self.chunk_size]
                seen = _one_row_a_point(look(self.source.gather(chunk)), len(chunk))
                if rows is None:
                    rows = seen.new_empty((len(positions), *seen.shape[1:]))
                if seen.shape[1:] != rows.shape[1:] or seen.dtype != rows.dtype:
                    raise ValueError(
                        f"a view returned rows of shape {tuple(rows.shape[1:])} and {rows.dtype}, then of shape "
                        f"{tuple(seen.shape[1:])} and {seen.dtype}; a row must look the same whatever its chunk"
                    )
                rows[start : start + len(chunk)] = seen
                bar.update(len(chunk))
        assert rows is not None
        return rows

    def _open(self) -> np.ndarray:
        open_ = np.ones(len(self), dtype=bool) if self._candidates is None else self._candidates.copy()
        open_[self.positions(list(self.labels))] = False
        return open_

    def _but(self, labels: Mapping[Id, Label], candidates: np.ndarray | None) -> "Pool":
        return Pool(self.source, self._index, labels, candidates, chunk_size=self.chunk_size, progress=self.progress)


def _one_row_a_point(seen: Any, n: int) -> Tensor:
    if not isinstance(seen, Tensor) or seen.shape[:1] != (n,):
        shape = tuple(seen.shape) if isinstance(seen, Tensor) else type(seen).__name__
        raise ValueError(
            f"a view was shown {n} points but returned rows of shape {shape}; "
            "expected a tensor with one row a point along the first axis"
        )
    return seen.detach()  # a graph kept for every chunk would fill memory
