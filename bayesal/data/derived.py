"""Sources made of other sources: nothing is read or copied before it is asked for."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bayesal.data.sources import Source, source_of
from bayesal.types import Inputs


class SubsetSource:
    """Some points of a source, in a given order."""

    def __init__(self, source: Source, positions: np.ndarray) -> None:
        self.source = source
        self.positions = positions

    def __len__(self) -> int:
        return len(self.positions)

    def gather(self, positions: np.ndarray, /) -> Inputs:
        return self.source.gather(self.positions[positions])


class JoinedSource:
    """The points of several sources, one source after the other; all must give tensors of one shape."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = tuple(sources)
        self.ends = np.cumsum([len(source) for source in sources])

    def __len__(self) -> int:
        return int(self.ends[-1])

    def gather(self, positions: np.ndarray, /) -> Tensor:
        owners = np.searchsorted(self.ends, positions, side="right")
        parts, places = [], []
        for owner, source in enumerate(self.sources):
            rows = np.flatnonzero(owners == owner)
            if len(rows) or owner == 0:  # the first source is asked even for nothing: it knows the shape
                parts.append(source.gather(positions[rows] - (self.ends[owner] - len(source))))
                places.append(torch.from_numpy(rows))
        batch = parts[0].new_empty((len(positions), *parts[0].shape[1:]))
        for part, rows in zip(parts, places, strict=True):
            batch[rows] = part
        return batch


class RepeatedSource:
    """The points of a source several times over, every copy with its own fixed Gaussian noise.

    Position p is point p mod n of the source. Its noise is drawn from a counter-based stream (Philox) at counter p:
    always the same, whatever the chunk or the order, and never stored.
    """

    def __init__(self, source: Source, times: int, noise: float, key: int) -> None:
        self.source = source
        self.times = times
        self.noise = noise
        self.key = key

    def __len__(self) -> int:
        return self.times * len(self.source)

    def gather(self, positions: np.ndarray, /) -> Tensor:
        batch = self.source.gather(positions % max(len(self.source), 1))
        if self.noise == 0:
            return batch
        if not batch.is_floating_point():
            raise ValueError(f"noise cannot be added to inputs of {batch.dtype}; make them floats first")
        drawn = np.empty(batch.shape, dtype=np.float32)
        for row, position in enumerate(positions.tolist()):
            stream = np.random.Generator(np.random.Philox(key=self.key, counter=[0, 0, position, 0]))
            stream.standard_normal(out=drawn[row : row + 1], dtype=np.float32)
        return batch.add_(torch.from_numpy(drawn), alpha=self.noise)


def take(inputs: Tensor | np.ndarray | Source, positions: np.ndarray) -> Tensor | np.ndarray | Source:
    """These points: copied out of a tensor or an array in memory, left where they are in a file or a source."""
    if isinstance(inputs, Tensor):
        return inputs[torch.from_numpy(positions).to(inputs.device)]
    if isinstance(inputs, np.ndarray) and not isinstance(inputs, np.memmap):
        return inputs[positions]
    return SubsetSource(source_of(inputs)[0], positions)
