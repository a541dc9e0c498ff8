"""Rows of any kind whose distances a kernel tells."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from bayesal.numerics.distance.measured import Measured, Where
from bayesal.numerics.gaussian_door import as_variance
from bayesal.numerics.linalg import blocks
from bayesal.types import Kernel

ELEMENTS = 2**20  # numbers of rows written down in float64 together
ROUNDINGS = 64  # of the variances: a squared distance below that is none


@dataclass(frozen=True, eq=False)
class ByKernel(Measured):
    """d²(x, s) = k(x, x) + k(s, s) - 2 k(x, s), in float64: what is screened is decided.

    Parts: the rows, their variances.
    """

    kernel: Kernel

    @classmethod
    def of(cls, rows: Shaped[Tensor, "N ..."], kernel: Kernel) -> "ByKernel":
        """Rows that the kernel reads."""
        return cls(_parts(rows, kernel), 1.0, 0.0, rows[:1].numel(), kernel)

    def beside(self, points: Shaped[Tensor, "P ..."]) -> "ByKernel":
        """What the same kernel reads."""
        return self.of_parts(_parts(points.detach().to(self.parts[0].device), self.kernel))

    def squared_norms(self) -> Float[Tensor, "N"]:
        """k(x, x)."""
        return self.own

    def screened(self, where: Where, others: Measured) -> Float[Tensor, "n P"]:
        """k(s, s) - 2 k(x, s), or -k(x, x) where x and s are as near as rounding can tell."""
        rows, points = self.parts[0][where], _double(others.parts[0])
        parts = [
            self.kernel.covariance(_double(rows[some]), points) for some in blocks(len(rows), self.width, ELEMENTS)
        ]
        covariance = torch.cat(parts).detach()
        if not bool(covariance.isfinite().all()):
            raise ValueError("a kernel must be finite numbers, but between some rows this one is NaN or infinite")
        own, tolerance = self.own[where, None], ROUNDINGS * torch.finfo(covariance.dtype).eps
        screened = torch.sub(others.own, covariance, alpha=2)
        return torch.where(screened + own <= tolerance * (others.own + own), -own, screened)

    def decided(
        self, positions: Int[Tensor, "k"], others: Measured, which: Int[Tensor, "k"], screened: Float[Tensor, "k"]
    ) -> Float[Tensor, "k"]:
        """As screened."""
        return self.own[positions] + screened


def _parts(rows: Shaped[Tensor, "N ..."], kernel: Kernel) -> tuple[Tensor, ...]:
    variance = torch.empty(len(rows), dtype=torch.float64, device=rows.device)
    for some in blocks(len(rows), rows[:1].numel(), ELEMENTS):
        variance[some] = kernel.variance(_double(rows[some])).detach()
    return rows, as_variance(variance, "the rows' variance")


def _double(rows: Shaped[Tensor, "N ..."]) -> Tensor:
    return rows.double() if rows.is_floating_point() else rows  # places in a pool stay places
