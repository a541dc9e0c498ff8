"""Features whose distances are measured."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from bayesal.numerics.distance.measured import Measured, Where
from bayesal.numerics.distance.screen import less_products, rounding, unit
from bayesal.numerics.linalg import blocks

ELEMENTS = 2**16  # numbers in one block of pairs: 512 KiB in float64
SAMPLE = 1024  # rows whose mean is taken off


@dataclass(frozen=True, eq=False)
class Features(Measured):
    """Rows ``N D``. Their screen is (x - offset) / scale: an offset leaves distances alone and makes products small.

    Parts: the rows as they were given, their screen, its squared norms.
    """

    offset: Float[Tensor, "D"] | None

    @classmethod
    def of(cls, rows: Float[Tensor, "N D"]) -> "Features":
        """The rows that distances are measured from."""
        scale, width = unit(rows, "rows"), rows.shape[1]
        none = cls((rows[:0],), scale, rounding(width), width, _offset(rows))
        return replace(none, parts=none._parts(rows))

    def beside(self, points: Shaped[Tensor, "P ..."]) -> "Features":
        """With the rows' offset and scale."""
        points = points.detach().to(self.parts[0])
        unit(points, "rows that are taken")
        return self.of_parts(self._parts(points))

    def _parts(self, rows: Float[Tensor, "P D"]) -> tuple[Tensor, ...]:
        screen = rows
        if self.offset is not None or self.scale != 1 or rows.dtype != torch.float32:
            screen = torch.empty(rows.shape, dtype=torch.float32, device=rows.device)
            away = torch.zeros_like(rows[:1]) if self.offset is None else -self.offset / self.scale
            for some in blocks(len(rows), self.width, 4 * ELEMENTS):
                torch.add(away, rows[some], alpha=1 / self.scale, out=screen[some])
        return rows, screen, torch.linalg.vector_norm(screen, dim=1).square_()

    def squared_norms(self) -> Float[Tensor, "N"]:
        """Without the offset."""
        return self._squared_norms

    @cached_property
    def _squared_norms(self) -> Float[Tensor, "N"]:
        result = self.own.new_empty(len(self), dtype=torch.float64)
        for some in blocks(len(self), self.width, ELEMENTS):
            result[some] = self.parts[0][some].double().square().sum(1)
        return result

    def screened(self, where: Where, others: Measured) -> Float[Tensor, "n P"]:
        """‖s‖² - 2 x·s."""
        return less_products(others.at_least, self.parts[1][where], others.parts[1])

    def decided(
        self, positions: Int[Tensor, "k"], others: Measured, which: Int[Tensor, "k"], screened: Float[Tensor, "k"]
    ) -> Float[Tensor, "k"]:
        """Σ (x - s)² of the rows as they were given."""
        squared = self.own.new_empty(len(positions), dtype=torch.float64)
        for some in blocks(len(positions), self.width, ELEMENTS):
            difference = self.parts[0][positions[some]].double().sub_(others.parts[0][which[some]])
            squared[some] = difference.square_().sum(1)
        return squared


def _offset(rows: Float[Tensor, "N D"]) -> Float[Tensor, "D"] | None:
    """About the mean of the rows, unless they are not much shorter without it."""
    sample = rows[:: max(1, len(rows) // SAMPLE)].double()
    mean = sample.sum(0) / max(1, len(sample))
    if 2 * mean.square().sum() <= sample.square().sum() / max(1, len(sample)):
        return None
    return mean.to(torch.promote_types(rows.dtype, torch.float32))
