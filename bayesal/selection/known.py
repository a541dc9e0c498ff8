"""What known labels leave of a prior: the covariance S that rules start from, in the space of features."""

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.linalg import solve_triangular

from bayesal.selection.factor_rows import moment, point_blocks, written

SINGULAR = 1e-14  # of the largest pivot: below that a matrix has no inverse to speak of


@runtime_checkable
class Known(Protocol):
    """What is known; a label has the covariance V S Vᵀ + noise I, and taken points V are known with that noise."""

    @property
    def noise(self) -> float: ...

    def covariance(self, taken: tuple[Tensor, ...]) -> Float[Tensor, "D D"] | float:
        """S, once the labels of these points ``1 R D`` are known too; a number stands for that times the identity."""
        ...


@dataclass(frozen=True, eq=False)
class KnownFeatures:
    """S = (I + ΦᵀΦ/σ²)⁻¹ of all features whose labels are known, with ``noise`` σ².

    ``root`` R, with RᵀR = S⁻¹, comes from a QR factorisation of the features themselves: forming ΦᵀΦ would square the
    ratio of the largest variance to σ², and digits that a small σ needs would be lost. None: that of the identity.
    """

    noise: float
    root: Float[Tensor, "D D"] | None = None

    def on(self, points: Float[Tensor, "P R D"]) -> "KnownFeatures":
        """Their labels are known too."""
        root, width = self.root, points.shape[2]
        if root is None:
            root = torch.eye(width, dtype=torch.float64, device=points.device)
        for some in point_blocks(len(points), points.shape[1] * width):
            stacked = torch.cat([root, written(points[some]).flatten(0, 1) / self.noise**0.5])
            root = torch.linalg.qr(stacked, mode="r").R
        return replace(self, root=root)

    def covariance(self, taken: tuple[Tensor, ...] = ()) -> Float[Tensor, "D D"] | float:
        """S = R⁻¹R⁻ᵀ."""
        root = (self.on(torch.cat(taken)) if taken else self).root
        if root is None:
            return 1.0
        identity = torch.eye(len(root), dtype=root.dtype, device=root.device)
        inverse = solve_triangular(root, identity, upper=True)
        return inverse @ inverse.mT


@dataclass(frozen=True, eq=False)
class KnownInformation:
    """S = M⁻¹, M = λI + Σ VᵀV / ``points_noise`` over the known ``points`` + Σ VᵀV / ``noise`` over those taken."""

    regularisation: float
    noise: float
    points: Float[Tensor, "P R D"]
    points_noise: float

    def covariance(self, taken: tuple[Tensor, ...] = ()) -> Float[Tensor, "D D"] | float:
        """M⁻¹. Raises ValueError where M has no inverse."""
        if self.regularisation > 0 and not len(self.points) and not taken:
            return 1 / self.regularisation
        matrix = moment(self.points).div_(self.points_noise)
        if taken:
            matrix += moment(torch.cat([written(point) for point in taken])).div_(self.noise)
        matrix.diagonal().add_(self.regularisation)
        factor, failed = torch.linalg.cholesky_ex(matrix)
        del matrix
        pivots = factor.diagonal().square()
        if bool(failed) or float(pivots.min()) <= SINGULAR * float(pivots.max()):
            raise ValueError(
                f"the information of the {len(self.points)} known rows with a regularisation of "
                f"{self.regularisation:.3g} has no inverse; give a larger regularisation"
            )
        return torch.cholesky_inverse(factor).mT.contiguous()  # columns first, and symmetric: no copy
