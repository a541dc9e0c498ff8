"""What is left of the variances of N rows beside some points: a Cholesky factor, a column at a time, in float64."""

from dataclasses import dataclass, replace

from jaxtyping import Bool, Float
from torch import Tensor
from torch.linalg import solve_triangular

ROUNDING = 1e-12  # of a variance: less than that is nothing left


@dataclass(frozen=True, eq=False)
class PartialCholesky:
    """``left``: the variance of each row given the points added; ``columns``: the rows' covariances with those points,
    made independent of each other; ``factor``: the Cholesky factor of the points."""

    prior: Float[Tensor, "N"]
    left: Float[Tensor, "N"]
    columns: tuple[Float[Tensor, "N"], ...]
    factor: Float[Tensor, "P P"]

    @classmethod
    def of(cls, variance: Float[Tensor, "N"]) -> "PartialCholesky":
        """No points yet."""
        return cls(variance, variance, (), variance.new_empty(0, 0))

    @property
    def determined(self) -> Bool[Tensor, "N"]:
        """Where nothing is left."""
        return self.left <= ROUNDING * self.prior

    def pivot(self, between: Float[Tensor, "P"], own: float) -> tuple[Float[Tensor, "P"], float]:
        """The coefficients of a point of this variance on those added, and the variance that is left of it."""
        weights = solve_triangular(self.factor, between[:, None], upper=False)[:, 0]
        return weights, own - float(weights.square().sum())

    def added(self, shared: Float[Tensor, "N"], between: Float[Tensor, "P"], own: float) -> "PartialCholesky":
        """With one more point: its covariances with the rows and with the points added, and its variance.

        Raises ValueError for a point of which the others leave nothing.
        """
        weights, left = self.pivot(between, own)
        if left <= ROUNDING * own:
            raise ValueError("a point was added of which the others leave nothing; its column would divide by 0")
        for weight, column in zip(weights, self.columns, strict=True):
            shared = shared.sub(column * weight)
        column = shared / left**0.5
        size = len(between)
        factor = self.factor.new_zeros(size + 1, size + 1)
        factor[:size, :size], factor[size, :size], factor[size, size] = self.factor, weights, left**0.5
        return replace(self, left=self.left - column.square(), columns=(*self.columns, column), factor=factor)
