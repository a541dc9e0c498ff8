"""The kernel and the mean of a GPyTorch model: as tensors where they have such a form here, else as they are."""

from dataclasses import dataclass
from typing import Any

import torch
from gpytorch.kernels import Kernel
from gpytorch.means import ConstantMean, Mean
from jaxtyping import Float
from torch import Tensor

from bayesal.posteriors.processes.conditioned import Covariance, Level, Trend
from bayesal.posteriors.processes.gpytorch_models import stationary

CLOSE = 1e-5  # a single-precision model to our double-precision copy


@dataclass(frozen=True, eq=False)
class Evaluated:
    """The covariances of a GPyTorch kernel that has no other form here."""

    kernel: Kernel

    def __call__(self, points: Float[Tensor, "N D"], others: Float[Tensor, "M D"]) -> Float[Tensor, "1 N M"]:
        return dense(self.kernel, points, others)[None]

    def variance(self, points: Float[Tensor, "N D"]) -> Float[Tensor, "1 N"]:
        kernel: Any = self.kernel
        return kernel(points, diag=True)[None]

    def __str__(self) -> str:
        return f"a {type(self.kernel).__name__}"


@dataclass(frozen=True, eq=False)
class MeanModule:
    """The mean of a GPyTorch model."""

    mean: Mean

    def __call__(self, points: Float[Tensor, "N D"]) -> Float[Tensor, "1 N"]:
        mean: Any = self.mean
        return mean(points)[None]


def covariance_of(kernel: Kernel, inputs: Tensor) -> Covariance:
    """The kernel as tensors, if that gives the same covariances of some of these points."""
    some = inputs[:8]
    try:
        ours = stationary(kernel, inputs.shape[1])
    except ValueError:
        return Evaluated(kernel)
    return ours if close(ours(some, some)[0], dense(kernel, some, some)) else Evaluated(kernel)


def trend_of(mean: Any) -> Trend:
    """The mean as a number, if it is one."""
    if not isinstance(mean, ConstantMean):
        return MeanModule(mean)
    level: Any = mean.constant
    return Level(level.reshape(1).clone())


def dense(kernel: Any, points: Tensor, others: Tensor) -> Tensor:
    return kernel(points, others).to_dense()


def close(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=CLOSE, atol=CLOSE)
