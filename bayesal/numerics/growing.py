"""Rows to which more are appended, without copying those before."""

from dataclasses import dataclass

import torch
from jaxtyping import Shaped
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Growing:
    """The first ``size`` rows of a ``room``, behind which others may stand that grew from these.

    A value: appending gives another and leaves this one as it is. The room is shared as long as nobody else has
    appended to the same rows, and doubled where it is full, so that N rows one by one cost N copies and not N².
    """

    room: Shaped[Tensor, "_ ..."]
    size: int
    written: list[int]  # how much of the room, shared by all who share it

    @classmethod
    def of(cls, rows: Shaped[Tensor, "N ..."]) -> "Growing":
        """These rows, in their own memory, which nothing is ever written to."""
        return cls(rows, len(rows), [len(rows)])

    @property
    def rows(self) -> Shaped[Tensor, "N ..."]:
        """All of them."""
        return self.room[: self.size]

    def and_rows(self, more: Shaped[Tensor, "P ..."]) -> "Growing":
        """These rows, then more."""
        end = self.size + len(more)
        room, written = self.room, self.written
        if end > len(room) or self.size < written[0]:
            room, written = torch.empty((end + self.size, *more.shape[1:]), dtype=more.dtype, device=more.device), [end]
            room[: self.size] = self.rows
        room[self.size : end] = more
        written[0] = end
        return Growing(room, end, written)
