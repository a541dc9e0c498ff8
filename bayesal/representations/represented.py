"""Points as a kernel sees them: the rows that are known, the rows to choose from, and the kernel between rows."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Shaped
from torch import Generator, Tensor

from bayesal.types import Kernel


@dataclass(frozen=True, eq=False)
class Represented:
    """Rows of L known points and of N points to choose from, and the kernel between such rows.

    ``kernel``: None where rows are features and the kernel is their inner product. ``labels``: those of the known
    points, which only ``acs_rf_hyper`` reads. ``notes``: what transformations have to report, such as added jitter.

    Raises ValueError for rows that do not fit together, and for labels that are not one a known point.
    """

    known: Shaped[Tensor, "L ..."]
    rows: Shaped[Tensor, "N ..."]
    kernel: Kernel | None = None
    labels: Tensor | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.known.shape[1:] != self.rows.shape[1:] or self.known.dtype != self.rows.dtype:
            raise ValueError(
                f"known rows and rows must be of one kind, but they are {self.known.dtype} of shape "
                f"{tuple(self.known.shape)} and {self.rows.dtype} of shape {tuple(self.rows.shape)}"
            )
        if self.labels is not None and len(self.labels) != len(self.known):
            raise ValueError(f"{len(self.known)} known points need as many labels, but there are {len(self.labels)}")


@runtime_checkable
class Transform(Protocol):
    """What makes another kernel of a kernel: a value, applied to all rows at once."""

    def __call__(self, represented: Represented, /, *, generator: Generator) -> Represented: ...
