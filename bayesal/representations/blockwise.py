"""Kernels that work block by block in float64, so that rows in float32 are never all written down twice as wide."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from bayesal.numerics.linalg import blocks
from bayesal.types import Kernel

ELEMENTS = 2**19  # in one block: 4 MiB in float64


class Blockwise(ABC):
    """Subclasses say what holds for a block of rows; floats reach them in float64."""

    def variance(self, rows: Shaped[Tensor, "N ..."], /) -> Float[Tensor, "N"]:
        """k(n, n)."""
        parts = blocks(len(rows), self.numbers(rows), ELEMENTS)
        if len(parts) == 1:
            return self.block_variance(_double(rows))
        result = torch.empty(len(rows), dtype=torch.float64, device=rows.device)
        for some in parts:
            result[some] = self.block_variance(_double(rows[some]))
        return result

    def covariance(self, rows: Shaped[Tensor, "N ..."], points: Shaped[Tensor, "P ..."], /) -> Float[Tensor, "N P"]:
        """k(n, p)."""
        points = _double(points.to(rows.device))
        parts = blocks(len(rows), max(self.numbers(rows), len(points)), ELEMENTS)
        if len(parts) == 1:
            return self.block_covariance(_double(rows), points)
        result = torch.empty(len(rows), len(points), dtype=torch.float64, device=rows.device)
        for some in parts:
            result[some] = self.block_covariance(_double(rows[some]), points)
        return result

    def numbers(self, rows: Shaped[Tensor, "N ..."], /) -> int:
        """How many numbers one row needs on the way."""
        return rows[:1].numel()

    @abstractmethod
    def block_variance(self, rows: Shaped[Tensor, "N ..."], /) -> Float[Tensor, "N"]: ...

    @abstractmethod
    def block_covariance(
        self, rows: Shaped[Tensor, "N ..."], points: Shaped[Tensor, "P ..."], /
    ) -> Float[Tensor, "N P"]: ...


def variance_of(kernel: Kernel, rows: Shaped[Tensor, "N ..."]) -> Float[Tensor, "N"]:
    """In float64, of float64 rows, without a gradient."""
    return kernel.variance(_double(rows)).detach().double()


def covariance_of(
    kernel: Kernel, rows: Shaped[Tensor, "N ..."], points: Shaped[Tensor, "P ..."]
) -> Float[Tensor, "N P"]:
    """In float64, of float64 rows, without a gradient."""
    return kernel.covariance(_double(rows), _double(points)).detach().double()


def _double(rows: Tensor) -> Tensor:
    return rows.detach().double() if rows.is_floating_point() else rows  # places in a pool stay places
