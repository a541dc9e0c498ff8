"""What it takes to measure distances: rows that are screened as products and decided as differences."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

Where: TypeAlias = slice | Tensor
"""Some of N rows: a slice, or their positions."""
Kind = TypeVar("Kind", bound="Measured")


@dataclass(frozen=True, eq=False)
class Measured(ABC):
    """N rows of one kind, and how far they are from others of that kind.

    ``parts``: tensors with one row each for every row; what they are depends on the kind, the last are ``own``.
    Distances are screened in coordinates that are divided by ``scale``. There ``own`` are the rows' squared norms, and
    a squared distance may be off by ``rounding`` times those of each end. ``width``: how many numbers a row has there.
    """

    parts: tuple[Shaped[Tensor, "N ..."], ...]
    scale: float
    rounding: float
    width: int

    def __len__(self) -> int:
        return len(self.own)

    @property
    def own(self) -> Float[Tensor, "N"]:
        """The squared norms, where distances are screened."""
        return self.parts[-1]

    @property
    def at_least(self) -> Float[Tensor, "N"]:
        """What rounding leaves of ``own`` for certain."""
        return self.own * (1 - self.rounding)

    @abstractmethod
    def squared_norms(self) -> Float[Tensor, "N"]:
        """k(x, x), in float64."""

    @abstractmethod
    def beside(self, points: Shaped[Tensor, "P ..."]) -> "Measured":
        """Other rows, measured like these. Raises ValueError for another kind, NaN and infinities."""

    @abstractmethod
    def screened(self, where: Where, others: "Measured") -> Float[Tensor, "n P"]:
        """Lower bounds of the squared distances from some rows to others: less all that is due to the rows' ``own``."""

    @abstractmethod
    def decided(
        self, positions: Int[Tensor, "k"], others: "Measured", which: Int[Tensor, "k"], screened: Float[Tensor, "k"]
    ) -> Float[Tensor, "k"]:
        """The squared distance of each pair, in float64; of a row and its copy, 0."""

    def at_most(self, where: Where, others: "Measured") -> Float[Tensor, "n"]:
        """Upper bounds of the squared distance from some rows to the closest other, by the screen alone."""
        lowest, closest = self.screened(where, others).min(1)
        own = self.own[where].double()
        above = 2 * self.rounding * (others.own[closest] + own)
        return (lowest + own).add_(above).mul_(self.scale**2).clamp_min_(0)

    def of_parts(self: Kind, parts: tuple[Shaped[Tensor, "P ..."], ...]) -> Kind:
        """Other rows in the same coordinates."""
        return replace(self, parts=parts)

    def closer(
        self, where: Where, others: "Measured", below: Float[Tensor, "n"]
    ) -> tuple[Int[Tensor, "k"], Float[Tensor, "k"], Int[Tensor, "k"]]:
        """Those of the rows ``where`` whose closest other is closer than ``below``, in squared distance.

        Returns their positions, the squared distances, and which of the others are closest (ties: the first).
        """
        screened, own = self.screened(where, others), self.own[where].double()
        lowest, closest = screened.min(1)
        upper = lowest + 2 * self.rounding * (others.own[closest] + own)  # of the least distance, less what is own
        reach = torch.minimum(upper, below / self.scale**2 - (1 - self.rounding) * own).to(screened.dtype)
        some, which = (screened > reach[:, None]).logical_not_().nonzero(as_tuple=True)  # what overflowed is decided
        positions = some + where.start if isinstance(where, slice) else where[some]
        squared = self.decided(positions, others, which, screened[some, which])
        least = below.scatter_reduce(0, some, squared, "amin")
        best = ((squared == least[some]) & (squared < below[some])).nonzero().squeeze(1)
        if len(best) > 1:  # pairs come row by row, in the order of the others: keep each row's first
            best = best[torch.cat([best.new_ones(1, dtype=torch.bool), some[best[1:]] != some[best[:-1]]])]
        return positions[best], squared[best], which[best]
