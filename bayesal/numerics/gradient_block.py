"""Gradients of a block of points, as products where that is possible, and their inner products."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from bayesal.numerics.outer import written
from bayesal.numerics.weight_gradients import Gradients

COLUMNS = 2**13  # weights whose gradients are multiplied at once, in float64
STRIPE = 256  # columns of a symmetric block


@dataclass(frozen=True, eq=False)
class Block:
    """Gradients of some points: by the name of a weight its factors (δ ``n O``, a ``n I``), and all that is written."""

    factors: dict[str, tuple[Float[Tensor, "n O"], Float[Tensor, "n I"]]]
    written: Float[Tensor, "n P"]

    @classmethod
    def of(cls, gradients: Gradients) -> "Block":
        """One number a point."""
        factors, dense = {}, [value.flatten(1) for value in gradients.written.values()]
        for name, uses in gradients.products.items():
            parts = list(gradients.factors(name))
            left, right = (torch.cat([part[side] for part in parts]) for side in (0, 1))
            if len(uses) == 1 and left.shape[1] == left.shape[3] == 1:
                factors[name] = left.flatten(1), right.flatten(1)
            else:
                dense.append(torch.cat([written(*part).flatten(1) for part in parts]))
        return cls(factors, torch.cat(dense, 1) if dense else torch.zeros(gradients.count, 0))

    @classmethod
    def side_by_side(cls, blocks: list["Block"]) -> "Block":
        """Those of several numbers a point, all of a point one after the other."""
        return cls._of_all(blocks, lambda rows: torch.stack(rows, 1).flatten(0, 1))

    @classmethod
    def joined(cls, blocks: list["Block"]) -> "Block":
        """Those of one block of points after the other."""
        return cls._of_all(blocks, torch.cat)

    @classmethod
    def _of_all(cls, blocks: list["Block"], join: Callable[[list[Tensor]], Tensor]) -> "Block":
        if len(blocks) == 1:
            return blocks[0]
        factors = {
            name: (
                join([block.factors[name][0] for block in blocks]),
                join([block.factors[name][1] for block in blocks]),
            )
            for name in blocks[0].factors
        }
        return cls(factors, join([block.written for block in blocks]))

    @property
    def numbers(self) -> int:
        """Those of one point."""
        return self.written.shape[1] + sum(left.shape[1] + right.shape[1] for left, right in self.factors.values())

    def products(self, other: "Block") -> Float[Tensor, "n m"]:
        """The inner products of these gradients with those, in float64."""
        kernel = self.written.new_zeros(len(self.written), len(other.written), dtype=torch.float64)
        for mine, theirs in zip(self.written.split(COLUMNS, 1), other.written.split(COLUMNS, 1), strict=True):
            _add_products(kernel, mine.double(), theirs.double() if other is not self else None)
        if other is self:
            kernel = kernel.tril() + kernel.tril(-1).mT
        for name, (left, right) in self.factors.items():
            other_left, other_right = other.factors[name]
            kernel.addcmul_(left.double() @ other_left.double().mT, right.double() @ other_right.double().mT)
        return kernel


def _add_products(
    kernel: Float[Tensor, "n m"], mine: Float[Tensor, "n p"], theirs: Float[Tensor, "m p"] | None
) -> None:
    """Of rows with themselves only what is on and below the diagonal, a few columns at a time."""
    if theirs is not None:
        kernel.addmm_(mine, theirs.mT)
        return
    for start in range(0, len(mine), STRIPE):
        some = slice(start, start + STRIPE)
        kernel[start:, some].addmm_(mine[start:], mine[some].mT)
