"""The similarity of directions, from 0 for opposite ones to 1 for the same."""

from dataclasses import dataclass

from jaxtyping import Float, Shaped
from torch import Tensor

from bayesal.numerics.along import as_rows, lengths
from bayesal.numerics.kronecker import gram


@dataclass(frozen=True)
class ShiftedCosine:
    """s(x, x') = (1 + cos(x, x')) / 2 of feature rows ``N D``, dense or products; a row of zeros has the cosine 0.

    A kernel: positive semi-definite and at least 0. Raises ValueError for rows that are not finite floats ``N D``.
    """

    def variance(self, rows: Shaped[Tensor, "N ..."], /) -> Float[Tensor, "N"]:
        return 0.5 + 0.5 * (lengths(as_rows(rows, "features"), "features") > 0).double()

    def covariance(self, rows: Shaped[Tensor, "N ..."], points: Shaped[Tensor, "P ..."], /) -> Float[Tensor, "N P"]:
        rows, points = as_rows(rows, "features"), as_rows(points, "features")
        cosines = gram(rows, points)
        for side, axis in ((rows, 1), (points, 0)):
            long = lengths(side, "features")
            cosines = cosines * long.where(long > 0, 1.0).reciprocal().to(cosines.dtype).unsqueeze(axis)
        return cosines.add_(1).mul_(0.5).clamp_(0, 1)
