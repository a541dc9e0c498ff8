"""Kernels of a Gaussian function given labels at some points, in the space of features or of kernels."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from jaxtyping import Float, Shaped
from torch import Generator, Tensor
from torch.linalg import solve_triangular

from bayesal.numerics.linalg import noisy_cholesky, second_moment
from bayesal.recipe import recipe
from bayesal.representations.door import as_features, check_noise, checked, has_features, wide
from bayesal.representations.given import given
from bayesal.representations.mapped import mapped
from bayesal.representations.represented import Represented
from bayesal.representations.scale import scale

FEATURES = 1024  # so many, or three a known point, are factored as features; more go by the kernel


@dataclass(frozen=True, repr=False)
class Condition:
    """The kernel given labels with noise at the known rows, or at the rows to choose from; see :func:`posterior`."""

    noise: float | int
    on: str = "known"
    scaled: bool = False

    __repr__ = recipe

    def __post_init__(self) -> None:
        check_noise(self.noise)
        if self.on not in ("known", "pool"):
            raise ValueError(f'posterior is on the "known" rows or on the "pool", but on is {self.on!r}')

    def __call__(self, represented: Represented, /, *, generator: Generator) -> Represented:
        if self.scaled:
            represented = scale()(represented, generator=generator)
        points = represented.known if self.on == "known" else represented.rows
        if not len(points):
            return checked(represented)
        if not by_features(represented, len(points)):
            return given(represented, self.on, self.noise)
        represented = as_features(represented, "posterior")
        shrink, _, notes = shrinking(points, self.noise)
        size, dtype = points.shape[1], wide(points.dtype)
        return replace(
            represented,
            known=mapped(represented.known, shrink, size, dtype),
            rows=mapped(represented.rows, shrink, size, dtype),
            notes=represented.notes + notes,
        )


def posterior(noise: float | int, *, on: str = "known", scaled: bool = False) -> Condition:
    """k(x, x') - k(x, X) (k(X, X) + σ²I)⁻¹ k(X, x'), X the known rows: what labels at X leave unknown.

    ``noise``: σ, the standard deviation of labels around the function, in units of the kernel's square root (not a
    variance). ``on``: "pool" for X the rows to choose from. ``scaled``: apply ``scale()`` first. Features become
    σ L⁻¹ φ with L Lᵀ = ΦᵀΦ + σ²I, computed in float64 and rounded to the precision they were given in, which changes
    them but no algebra done with them. Kernels, and D > max(1024, 3 L) features, become a kernel between rows that
    remember their L⁻¹ k(X, x), in float64. Both are the same kernel. O(L D² + D³ + N D²), or O(L³ + N L²).

    A σ² below 1e-12 of the trace of k(X, X) is lost in rounding: it is raised to that, and ``notes`` report it. Raises
    ValueError for a noise below 0 and for rows with NaN. Holzmüller et al. (2023).
    """
    return Condition(noise, on, scaled)


def by_features(represented: Represented, num_points: int) -> bool:
    """Whether to work with features: where there are any and not too many."""
    return has_features(represented) and represented.rows.shape[1:].numel() <= max(FEATURES, 3 * num_points)


def shrinking(
    points: Shaped[Tensor, "P D"], noise: float | int
) -> tuple[Callable[[Tensor], Float[Tensor, "N D"]], float, tuple[str, ...]]:
    """φ → σ L⁻¹ φ given labels at these points, with the σ² in use and what there is to report."""
    factor, variance, notes = noisy_cholesky(second_moment(points), noise)

    def shrink(rows: Shaped[Tensor, "N D"]) -> Float[Tensor, "N D"]:
        return solve_triangular(factor.mT, rows.double(), upper=True, left=False) * variance**0.5

    return shrink, variance, notes
