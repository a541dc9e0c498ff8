"""The pool: points with stable ids, the labels known so far, and the one streaming loop."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from bayesal.data.sources import Source, source_of
from bayesal.types import Id, Ids, Inputs, Label, Labels, Look

SHOW_PROGRESS_AFTER = 2.0  # seconds: shorter scans stay silent


class Pool:
    """Points to label. A pool never changes: ``with_labels`` and ``only`` return new pools over the same storage.

    ``ids`` are the user's stable keys (file names, primary keys), unique, default 0 ... N-1. ``labels`` holds what is
    already known, in the order it became known. ``unlabelled`` and ``labelled`` are arrays of ids.
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
        ids: Iterable[Id] | None = None,
        labels: Labels | Sequence[Label] | np.ndarray | Tensor | None = None,
        *,
        chunk_size: int = 256,
        progress: bool = True,
    ) -> "Pool":
        """A pool of a tensor, an array (also memory-mapped), a torch or Hugging Face data set, a DataFrame, a Parquet
        or ``.npy`` file, or a folder of images (ids are then the file names).

        ``labels``: what is known already, as ``{id: label}``, or one entry a point where None or NaN is "not yet".
        ``chunk_size``: points handed to a model at once. ``progress``: a bar on the terminal for scans over 2 s.
        Raises ValueError for duplicate ids, a wrong number of ids or labels, or labels of ids that are not there.
        """
        source, own_ids = source_of(inputs)
        if chunk_size < 1:
            raise ValueError(f"chunk_size must be at least 1, but it is {chunk_size}")
        index = _index(ids if ids is not None else own_ids, len(source))
        return cls(source, index, _known(labels, index), chunk_size=chunk_size, progress=progress)

    def __len__(self) -> int:
        return len(self._index)

    def __repr__(self) -> str:
        return f"Pool({len(self)} points, {len(self.labels)} labelled, {len(self.unlabelled)} to choose from)"

    @property
    def ids(self) -> np.ndarray:
        """All ids, in storage order."""
        return self._index.to_numpy()

    @property
    def labelled(self) -> np.ndarray:
        """The ids whose labels are known, in the order they became known."""
        return self._index[self.positions(list(self.labels))].to_numpy()

    @property
    def unlabelled(self) -> np.ndarray:
        """The ids a strategy may choose, in storage order."""
        open_ = np.ones(len(self), dtype=bool) if self._candidates is None else self._candidates.copy()
        open_[self.positions(list(self.labels))] = False
        return self._index[open_].to_numpy()

    def positions(self, ids: Ids) -> np.ndarray:
        """Where these ids stand in storage. Raises KeyError with the first id that is not in the pool."""
        if len(ids) == 0:
            return np.empty(0, dtype=np.int64)
        found = self._index.get_indexer(pd.Index(np.asarray(ids, dtype=None if _plain(ids) else object)))
        if (found < 0).any():
            missing = ids[int(np.flatnonzero(found < 0)[0])]
            raise KeyError(f"the pool has no point with the id {missing!r}")
        return found.astype(np.int64, copy=False)

    def gather(self, ids: Ids) -> Inputs:
        """The inputs of these points, as one batch, in the order of ``ids``."""
        return self.source.gather(self.positions(ids))

    def targets(self) -> Tensor:
        """The known labels as one tensor, in the order of ``labelled``."""
        return torch.as_tensor(np.asarray([np.asarray(label) for label in self.labels.values()]))

    def with_labels(self, labels: Labels) -> "Pool":
        """This pool with these labels known too; an id already labelled takes its new label, keeping its place."""
        self.positions(list(labels))
        return Pool(
            self.source,
            self._index,
            {**self.labels, **labels},
            self._candidates,
            chunk_size=self.chunk_size,
            progress=self.progress,
        )

    def only(self, ids: Ids) -> "Pool":
        """This pool where strategies may choose only among ``ids``; what is labelled stays labelled."""
        candidates = np.zeros(len(self), dtype=bool)
        candidates[self.positions(ids)] = True
        if self._candidates is not None:
            candidates &= self._candidates
        return Pool(
            self.source, self._index, self.labels, candidates, chunk_size=self.chunk_size, progress=self.progress
        )

    def scan(self, look: Look, ids: Ids | None = None, *, what: str = "scanning the pool") -> Tensor:
        """``look`` over these points (default: all), chunk by chunk, into one preallocated tensor of rows.

        The only streaming loop of the library: memory is one chunk plus the rows.
        """
        positions = np.arange(len(self)) if ids is None else self.positions(ids)
        rows: Tensor | None = None
        starts = range(0, max(len(positions), 1), self.chunk_size)  # an empty pool is one empty chunk
        with tqdm(
            total=len(positions),
            desc=what,
            unit="pt",
            leave=False,
            delay=SHOW_PROGRESS_AFTER,
            disable=None if self.progress else True,
        ) as bar:
            for start in starts:
                chunk = positions[start : start + self.chunk_size]
                seen = look(self.source.gather(chunk))
                if seen.shape[:1] != (len(chunk),):
                    raise ValueError(
                        f"a view was shown {len(chunk)} points but returned rows of shape {tuple(seen.shape)}; "
                        "expected one row a point along the first axis"
                    )
                if rows is None:
                    rows = seen.new_empty((len(positions), *seen.shape[1:]))
                rows[start : start + len(chunk)] = seen
                bar.update(len(chunk))
        assert rows is not None
        return rows


def _plain(ids: Ids) -> bool:
    return isinstance(ids, np.ndarray) or all(isinstance(i, int | np.integer) for i in ids)


def _index(ids: Iterable[Id] | None, n: int) -> pd.Index:
    if ids is None:
        return pd.RangeIndex(n)
    keys = ids if isinstance(ids, np.ndarray) else list(ids)
    index = pd.Index(np.asarray(keys, dtype=None if _plain(keys) else object))
    if len(index) != n:
        raise ValueError(f"there are {n} points but {len(index)} ids; every point needs one id")
    if not index.is_unique:
        twice = index[index.duplicated()][0]
        raise ValueError(f"the id {twice!r} stands for more than one point; ids must be unique")
    return index


def _known(labels: Any, index: pd.Index) -> dict[Id, Label]:
    if labels is None:
        return {}
    if isinstance(labels, Mapping):
        missing = [i for i in labels if i not in index]
        if missing:
            raise ValueError(f"there is a label for the id {missing[0]!r}, but the pool has no such point")
        return dict(labels)
    values = labels.tolist() if isinstance(labels, Tensor | np.ndarray) else list(labels)
    if len(values) != len(index):
        raise ValueError(f"there are {len(index)} points but {len(values)} labels; give one a point, None if unknown")
    return {i: value for i, value in zip(index.tolist(), values, strict=True) if not _missing(value)}


def _missing(label: Any) -> bool:
    return label is None or (isinstance(label, float) and label != label)
