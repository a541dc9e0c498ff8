"""Kernels made of kernels: sums, products and multiples, each part reading all of a row or some of its columns."""

from dataclasses import dataclass, field
from functools import reduce
from operator import add, mul

from jaxtyping import Float, Shaped
from torch import Tensor

from bayesal.numerics.inner import Inner
from bayesal.recipe import recipe
from bayesal.representations.blockwise import Blockwise, covariance_of, variance_of
from bayesal.types import Kernel


@dataclass(frozen=True, repr=False)
class Part(Blockwise):
    """``kernel`` of the columns ``start`` to ``stop``, which are rows of the shape ``shape`` laid flat (None: as they
    are)."""

    start: int
    stop: int
    kernel: Kernel = field(default_factory=Inner)
    shape: tuple[int, ...] | None = None

    __repr__ = recipe

    def of(self, rows: Shaped[Tensor, "N D"], /) -> Shaped[Tensor, "N ..."]:
        """The rows this part reads."""
        columns = rows[:, self.start : self.stop]
        return columns if self.shape is None else columns.reshape(len(rows), *self.shape)

    def block_variance(self, rows: Shaped[Tensor, "N ..."], /) -> Float[Tensor, "N"]:
        return variance_of(self.kernel, self.of(rows))

    def block_covariance(
        self, rows: Shaped[Tensor, "N ..."], points: Shaped[Tensor, "P ..."], /
    ) -> Float[Tensor, "N P"]:
        return covariance_of(self.kernel, self.of(rows), self.of(points))


@dataclass(frozen=True, repr=False)
class Sum(Blockwise):
    """Σ k: the kernel of features side by side."""

    kernels: tuple[Kernel, ...]

    __repr__ = recipe

    def block_variance(self, rows: Shaped[Tensor, "N ..."], /) -> Float[Tensor, "N"]:
        return reduce(add, (variance_of(kernel, rows) for kernel in self.kernels))

    def block_covariance(
        self, rows: Shaped[Tensor, "N ..."], points: Shaped[Tensor, "P ..."], /
    ) -> Float[Tensor, "N P"]:
        return reduce(add, (covariance_of(kernel, rows, points) for kernel in self.kernels))


@dataclass(frozen=True, repr=False)
class Product(Blockwise):
    """Π k: the kernel of all products of features."""

    kernels: tuple[Kernel, ...]

    __repr__ = recipe

    def block_variance(self, rows: Shaped[Tensor, "N ..."], /) -> Float[Tensor, "N"]:
        return reduce(mul, (variance_of(kernel, rows) for kernel in self.kernels))

    def block_covariance(
        self, rows: Shaped[Tensor, "N ..."], points: Shaped[Tensor, "P ..."], /
    ) -> Float[Tensor, "N P"]:
        return reduce(mul, (covariance_of(kernel, rows, points) for kernel in self.kernels))


@dataclass(frozen=True, repr=False)
class Scaled(Blockwise):
    """c² k: the kernel of features times c."""

    kernel: Kernel
    factor: float | int

    __repr__ = recipe

    def block_variance(self, rows: Shaped[Tensor, "N ..."], /) -> Float[Tensor, "N"]:
        return variance_of(self.kernel, rows) * self.factor**2

    def block_covariance(
        self, rows: Shaped[Tensor, "N ..."], points: Shaped[Tensor, "P ..."], /
    ) -> Float[Tensor, "N P"]:
        return covariance_of(self.kernel, rows, points) * self.factor**2
