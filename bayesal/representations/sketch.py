"""Random features of few dimensions whose inner products are a kernel's on average."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from operator import add, mul
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from bayesal.numerics.inner import Inner
from bayesal.recipe import recipe
from bayesal.representations.beside import as_kernel
from bayesal.representations.combined import Part, Product, Scaled, Sum
from bayesal.representations.door import checked, wide
from bayesal.representations.mapped import mapped
from bayesal.representations.represented import Represented
from bayesal.types import Kernel

Features: TypeAlias = Callable[[Tensor], Float[Tensor, "N P"]]


@dataclass(frozen=True, repr=False)
class Sketch:
    """Random features of the kernel, in place of the rows; see :func:`sketch`."""

    dimension: int = 512

    __repr__ = recipe

    def __post_init__(self) -> None:
        check_dimension(self.dimension)

    def __call__(self, represented: Represented, /, *, generator: Generator) -> Represented:
        represented = checked(as_kernel(represented))
        known, rows = represented.known, represented.rows
        dtype = wide(rows.dtype)
        features = random_features(represented.kernel, rows.shape[1], self.dimension, generator=generator)

        def of(block: Tensor) -> Tensor:
            return features(block.to(dtype))

        return replace(
            represented,
            known=mapped(known, of, self.dimension, dtype),
            rows=mapped(rows, of, self.dimension, dtype),
            kernel=None,
        )


def sketch(dimension: int = 512) -> Sketch:
    """φ → φ A with A (D, p) of independent N(0, 1/p): E[φ̃ᵀφ̃'] = k(x, x'), off by about √(2/p) of √(k(x,x) k(x',x')).

    ``dimension``: p. Products of two kernels of features become √p (φ A) ⊙ (ψ B), sums add their parts' sketches, all
    with matrices of their own, drawn in float64 from the generator, so one seed is one sketch in every precision. Rows
    stay in their precision. Scaling may come before or after; a posterior comes after, and is that of the sketch.

    Raises ValueError for a dimension below 1, rows with NaN, and kernels that are not made of features. Holzmüller et
    al. (2023).
    """
    return Sketch(dimension)


def random_features(kernel: Kernel | None, width: int, dimension: int, *, generator: Generator) -> Features:
    """A random map of rows of this width to ``dimension`` numbers, whose inner products are the kernel's on average.

    Raises ValueError for a kernel that is not made of inner products, sums, products and multiples.
    """

    def of(part: Kernel, size: int = width) -> Features:
        return random_features(part, size, dimension, generator=generator)

    match kernel:
        case None | Inner():
            matrix = torch.randn(width, dimension, generator=generator, dtype=torch.float64) * dimension**-0.5
            return lambda rows: rows @ matrix.to(rows)
        case Part():
            inner = of(kernel.kernel, kernel.stop - kernel.start)
            return lambda rows: inner(kernel.of(rows))
        case Scaled():
            unscaled = of(kernel.kernel)
            return lambda rows: unscaled(rows).mul_(kernel.factor)
        case Sum():
            added = [of(some) for some in kernel.kernels]
            return lambda rows: reduce(add, (features(rows) for features in added))
        case Product():
            factors = [of(some) for some in kernel.kernels]
            size = dimension ** ((len(factors) - 1) / 2)
            return lambda rows: reduce(mul, (features(rows) for features in factors)).mul_(size)
    raise ValueError(
        f"a sketch needs a kernel made of features, but {type(kernel).__name__} has none; sketch before posterior(), "
        "and use kernels of infinitely many features as they are"
    )


def check_dimension(dimension: int) -> None:
    """Raises ValueError below 1."""
    if dimension < 1:
        raise ValueError(f"random features need at least one dimension, but there are {dimension}")
