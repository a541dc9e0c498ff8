"""Points as a Gaussian process sees them: a network or a scale first, then one row of numbers each."""

from dataclasses import dataclass
from itertools import chain

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bayesal.posteriors.network import finite
from bayesal.posteriors.points import Points
from bayesal.posteriors.trial import trial
from bayesal.types import Inputs


@dataclass(frozen=True, eq=False)
class Rows:
    """x ↦ first(x), flattened, in double precision: ``N ...`` to ``N D``.

    ``first``: a frozen network or layer. ``shape``: that of one point, None if any that gives D numbers will do.
    There is a gradient graph only if the points require one.
    Raises ValueError for points of another shape, and for numbers that are not finite.
    """

    first: nn.Module
    num_columns: int
    shape: tuple[int, ...] | None = None

    @classmethod
    def of(cls, first: nn.Module, inputs: Tensor) -> "Rows":
        """For points like these."""
        return cls(first, cls(first, 0)._rows(Points.prepare(inputs, first)[:1]).shape[1], tuple(inputs.shape[1:]))

    @property
    def dtype(self) -> torch.dtype:
        """The number type of ``first``."""
        tensors = chain(self.first.parameters(), self.first.buffers())
        return next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), torch.float64)

    def __call__(self, inputs: Inputs) -> tuple[Float[Tensor, "N D"], Points]:
        """The rows, and the points they are of."""
        points = Points.prepare(inputs, self.first)
        if self.shape is not None and isinstance(points.inputs, Tensor) and points.inputs.shape[1:] != self.shape:
            raise ValueError(
                f"the points must have the shape {self.shape} of those the process was fitted on, "
                f"but have {tuple(points.inputs.shape[1:])}"
            )
        rows = self._rows(points)
        if rows.shape[1] != self.num_columns:
            raise ValueError(
                f"the process takes {self.num_columns} numbers a point, but points of shape {points.shape()} "
                f"give {rows.shape[1]}"
            )
        return rows, points

    def _rows(self, points: Points) -> Float[Tensor, "N D"]:
        if points.count == 0:
            return self._rows(points.some())[:0]
        with torch.no_grad():
            trial(self._first, points.some())
        return finite(self._first(points)).flatten(1).double()

    def _first(self, points: Points) -> Tensor:
        arguments, named = points.arguments()
        values = self.first(*arguments, **named)
        values = values if values.is_floating_point() else values.double()
        return values[:, None] if values.ndim == 1 else values
