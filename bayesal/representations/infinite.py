"""Kernels of ReLU networks that are infinitely wide. Rows are the inputs ``N ...``, laid flat."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from bayesal.recipe import recipe
from bayesal.representations.blockwise import Blockwise
from bayesal.representations.door import check_finite, flat

ROUNDING = 64 * torch.finfo(torch.float64).eps  # of a cosine: angles below 2e-7 cannot be told from none


@dataclass(frozen=True, repr=False)
class InfiniteNetwork(Blockwise):
    """The kernel of ``depth`` linear layers with ReLUs between them, at random weights or, ``trained``, the tangent."""

    depth: int
    weight_variance: float | int
    bias_variance: float | int
    trained: bool

    __repr__ = recipe

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise ValueError(f"a network has at least one linear layer, but depth is {self.depth}")
        if not (0 < self.weight_variance < math.inf and 0 <= self.bias_variance < math.inf):
            raise ValueError(
                "weight_variance is a number above 0 and bias_variance one of at least 0, but they are "
                f"{self.weight_variance} and {self.bias_variance}"
            )

    def block_variance(self, rows: Shaped[Tensor, "N ..."], /) -> Float[Tensor, "N"]:
        check_finite(rows)
        variance = tangent = self._first(flat(rows))
        for _ in range(self.depth - 1):
            variance = self._next(variance)
            tangent = variance + self.weight_variance / 2 * tangent
        return tangent if self.trained else variance

    def block_covariance(
        self, rows: Shaped[Tensor, "N ..."], points: Shaped[Tensor, "P ..."], /
    ) -> Float[Tensor, "N P"]:
        rows, points = flat(rows), flat(points)
        own, others = self._first(rows), self._first(points)
        covariance = tangent = (rows @ points.T) * self._gain(rows) + self.bias_variance
        for _ in range(self.depth - 1):
            scale = torch.outer(own.sqrt(), others.sqrt())
            cosine = (covariance / scale.clamp_min(torch.finfo(scale.dtype).tiny)).clamp_(-1, 1)  # 0 for rows of zeros
            cosine[cosine > 1 - ROUNDING] = 1  # copies have the covariance that their variance says
            angle_left = math.pi - cosine.acos()  # between opposite rows it is 0
            sine = (1 - cosine.square()).sqrt_()
            moment = cosine.mul_(angle_left).add_(sine).mul_(scale).div_(2 * math.pi)  # E relu(u) relu(v)
            covariance = moment.mul_(self.weight_variance).add_(self.bias_variance)
            tangent = covariance + angle_left.mul_(self.weight_variance / (2 * math.pi)).mul_(tangent)
            own, others = self._next(own), self._next(others)
        return tangent if self.trained else covariance

    def _gain(self, rows: Float[Tensor, "N D"]) -> float:
        return self.weight_variance / max(1, rows.shape[1])

    def _first(self, rows: Float[Tensor, "N D"]) -> Float[Tensor, "N"]:
        return rows.square().sum(1) * self._gain(rows) + self.bias_variance

    def _next(self, variance: Float[Tensor, "N"]) -> Float[Tensor, "N"]:
        return variance * (self.weight_variance / 2) + self.bias_variance  # E relu(u)² is half of E u²


def nngp(depth: int = 3, weight_variance: float | int = 2.0, bias_variance: float | int = 0.0) -> InfiniteNetwork:
    """The covariance of an infinitely wide ReLU network at random weights, of ``depth`` linear layers.

    k₁ = sw xᵀx' / D + sb and k_l+1 = sw T + sb with T = √(a c) (√(1 - ρ²) + (π - t) ρ) / 2π, ρ = cos t = k_l / √(a c),
    a and c the variances k_l of x and x' (T = a / 2 on the diagonal). ``weight_variance``: sw, that of weights times
    their number; ``bias_variance``: sb. By default a variance is the same at all depths, sw = 2 and sb = 0; then
    kernels grow with the square of the inputs' scale, as they do without biases.

    Everything is float64. Raises ValueError for settings out of range and for inputs with NaN. Cho and Saul (2009); Lee
    et al. (2018).
    """
    return InfiniteNetwork(depth, weight_variance, bias_variance, trained=False)


def ntk(depth: int = 3, weight_variance: float | int = 2.0, bias_variance: float | int = 0.0) -> InfiniteNetwork:
    """The neural tangent kernel of the same network: the inner product of its gradients with respect to all weights.

    Θ₁ = k₁ and Θ_l+1 = k_l+1 + sw T' Θ_l with T' = (π - t) / 2π (½ on the diagonal). Settings, defaults and errors are
    those of ``nngp``; by default a diagonal is ``depth`` times that of ``nngp``. Jacot, Gabriel and Hongler (2018).
    """
    return InfiniteNetwork(depth, weight_variance, bias_variance, trained=True)
