"""Kernels brought to one scale."""

import math
from dataclasses import dataclass, replace

from jaxtyping import Float, Shaped
from torch import Generator, Tensor

from bayesal.numerics.inner import Inner
from bayesal.numerics.kronecker import Kronecker
from bayesal.recipe import recipe
from bayesal.representations.combined import Scaled
from bayesal.representations.door import as_features, checked, has_features, wide
from bayesal.representations.represented import Represented


@dataclass(frozen=True, repr=False)
class Scale:
    """The kernel times a factor squared, or over its mean at the known rows; see :func:`scale`."""

    factor: float | int | None = None

    __repr__ = recipe

    def __post_init__(self) -> None:
        if self.factor is not None and not 0 < self.factor < math.inf:
            raise ValueError(f"a factor of features is a number above 0, but it is {self.factor}")

    def __call__(self, represented: Represented, /, *, generator: Generator) -> Represented:
        plain = has_features(represented)
        represented = as_features(represented, "scale") if plain else checked(represented)
        factor = _to_mean_one(represented) if self.factor is None else self.factor
        if represented.kernel is not None:
            return replace(represented, kernel=Scaled(represented.kernel, factor))
        return replace(represented, known=_times(represented.known, factor), rows=_times(represented.rows, factor))


def scale(factor: float | int | None = None) -> Scale:
    """k / mean_i k(x_i, x_i) over the known rows, so that a noise means the same for every kernel; or c² k.

    ``factor``: c. Features are multiplied by c, or by 1 / √mean, and stay in their precision. Raises ValueError for a
    factor that is not above 0, and, without one, where no row is known or all that are known vanish.
    """
    return Scale(factor)


def _to_mean_one(represented: Represented) -> float:
    known = represented.known
    if not len(known):
        raise ValueError(
            "scale() divides by the mean of the kernel over known rows, but there are none; label a few points first "
            "or give a factor"
        )
    variance = _squared_norms(known) if represented.kernel is None else represented.kernel.variance(known)
    mean = float(variance.double().mean())
    if not 0 < mean < math.inf:
        raise ValueError(
            f"scale() divides by the mean of the kernel over known rows, but it is {mean:.3g}; give a factor"
        )
    return mean**-0.5


def _squared_norms(rows: Shaped[Tensor, "N D"]) -> Float[Tensor, "N"]:
    if isinstance(rows, Kronecker):
        return Inner().variance(rows.left.double()) * Inner().variance(rows.right.double())
    return Inner().variance(rows.double())  # a float32 norm ends at 1e19


def _times(rows: Shaped[Tensor, "N D"], factor: float | int) -> Shaped[Tensor, "N D"]:
    if isinstance(rows, Kronecker):
        return Kronecker(rows.left * factor, rows.right)
    return rows.to(wide(rows.dtype)) * factor
