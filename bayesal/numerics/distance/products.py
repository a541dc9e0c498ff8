"""Products of two factors whose distances are measured, without writing them down."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from bayesal.numerics.distance.measured import Measured, Where
from bayesal.numerics.distance.screen import less_products, rounding, unit
from bayesal.numerics.kronecker import Kronecker
from bayesal.numerics.linalg import blocks

ELEMENTS = 2**16  # numbers in one block of factors: 512 KiB in float64


@dataclass(frozen=True, eq=False)
class Products(Measured):
    """Rows a ⊗ b. Their screen is a and b, each divided by its scale (Zhang et al., 2023).

    Parts: a and b as they were given, their screens, the products' squared norms there.
    """

    scales: tuple[float, float]

    @classmethod
    def of(cls, rows: Kronecker) -> "Products":
        """The rows that distances are measured from."""
        scales = unit(rows.left, "rows"), unit(rows.right, "rows")
        width = rows.left.shape[1] + rows.right.shape[1]
        none = cls((rows.left[:0],), scales[0] * scales[1], rounding(width), width, scales)
        return replace(none, parts=none._parts(rows.left, rows.right))

    def beside(self, points: Shaped[Tensor, "P ..."]) -> "Products":
        """With the rows' scales."""
        if not isinstance(points, Kronecker):
            raise ValueError(
                "the rows are products of two factors, but rows that are taken are not; give Kronecker rows"
            )
        factors = points.left.to(self.parts[0]), points.right.to(self.parts[1])
        for factor in factors:
            unit(factor, "rows that are taken")
        return self.of_parts(self._parts(*factors))

    def _parts(self, left: Float[Tensor, "P C"], right: Float[Tensor, "P D"]) -> tuple[Tensor, ...]:
        factors = zip((left, right), self.scales, strict=True)
        screens = [(each if scale == 1 else each / scale).float() for each, scale in factors]
        norms = [torch.linalg.vector_norm(screen, dim=1) for screen in screens]
        return left, right, *screens, (norms[0] * norms[1]).square_()

    def squared_norms(self) -> Float[Tensor, "N"]:
        """‖a‖² ‖b‖²."""
        return self._squared_norms

    @cached_property
    def _squared_norms(self) -> Float[Tensor, "N"]:
        result = self.own.new_empty(len(self), dtype=torch.float64)
        for some in blocks(len(self), self.width, ELEMENTS):
            left, right = (part[some].double() for part in self.parts[:2])
            result[some] = _dots(left, left) * _dots(right, right)
        return result

    def screened(self, where: Where, others: Measured) -> Float[Tensor, "n P"]:
        """‖s‖² - 2 (a·a') (b·b')."""
        zero = others.own.new_zeros(())
        left, right = (less_products(zero, self.parts[part][where], others.parts[part]) for part in (2, 3))
        return torch.addcmul(others.at_least, left, right, value=-0.5)

    def decided(
        self, positions: Int[Tensor, "k"], others: Measured, which: Int[Tensor, "k"], screened: Float[Tensor, "k"]
    ) -> Float[Tensor, "k"]:
        """‖a ⊗ b - a' ⊗ b'‖² = ‖Δa ⊗ b̄ + ā ⊗ Δb‖², by the differences and the means of the factors."""
        squared = self.own.new_empty(len(positions), dtype=torch.float64)
        for some in blocks(len(positions), self.width, ELEMENTS):
            a, b = (part[positions[some]].double() for part in self.parts[:2])
            da, db = a - others.parts[0][which[some]], b - others.parts[1][which[some]]
            a, b = a.add_(da, alpha=-0.5), b.add_(db, alpha=-0.5)
            cross = 2 * _dots(da, a) * _dots(db, b)
            squared[some] = (_dots(da, da) * _dots(b, b) + _dots(a, a) * _dots(db, db) + cross).clamp_min_(0)
        return squared


def _dots(rows: Float[Tensor, "n D"], others: Float[Tensor, "n D"]) -> Float[Tensor, "n"]:
    return (rows * others).sum(1)
