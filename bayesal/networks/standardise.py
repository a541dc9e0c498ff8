"""Inputs on a common scale, as a fixed first layer."""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn


class Standardise(nn.Module):
    """(x - mean) / scale, with constants that training leaves alone; integers and doubles come out as floats."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Float[Tensor, "..."], scale: Float[Tensor, "..."]) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    @classmethod
    def of(cls, points: Shaped[Tensor, "N ..."], dtype: torch.dtype = torch.float32) -> "Standardise":
        """The mean and standard deviation of these points: for each column of a table (``N D``), for each channel of
        images (``N channels H W``, ...), else over all numbers. What never varies keeps the scale 1."""
        mean, spread = mean_and_spread(points)
        return cls(mean.to(dtype), torch.where(spread > 0, spread, 1.0).to(dtype))

    def forward(self, points: Shaped[Tensor, "N ..."]) -> Float[Tensor, "N ..."]:
        return (points.to(self.mean.dtype) - self.mean) / self.scale


def mean_and_spread(points: Shaped[Tensor, "N ..."]) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
    """The mean and the standard deviation of these points as ``Standardise.of`` takes them, in float64; 0 where nothing
    varies."""
    others = [axis for axis in range(points.ndim) if axis != 1] if points.ndim in (2, 4, 5) else None
    mean = points.double().mean(dim=others, keepdim=others is not None)
    spread = points.double().std(dim=others, correction=0, keepdim=others is not None)
    return (mean, spread) if others is None else (mean[0], spread[0])
