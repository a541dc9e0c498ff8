"""Layers that know how far they stretch a distance, and shrink their weight when it is further than a bound."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import vjp
from torch.nn import functional as F

WARM_UP = 15  # power iterations before training, so that the first step knows the norms already
MOMENTUM = 0.01  # of batch normalisation: its bound is read off the running variance, which must not jump


class Bounded(nn.Module):
    """A linear map of its input with a weight, and the pair of directions it stretches most."""

    weight: Tensor
    bias: Tensor | None
    left: Tensor
    right: Tensor
    bound: float

    def apply_weight(self, points: Tensor, weight: Tensor) -> Tensor:
        raise NotImplementedError

    def bound_by(self, bound: float, input_size: torch.Size) -> None:
        self.bound = bound
        start = torch.randn(input_size, dtype=self.weight.dtype, device=self.weight.device)
        self.register_buffer("right", _unit(start))
        self.register_buffer("left", _unit(self.apply_weight(start, self.weight.detach())))
        for _ in range(WARM_UP):
            self.iterate()

    @torch.no_grad()
    def iterate(self) -> None:
        """One power iteration, with the transpose of whatever the layer does."""
        weight = self.weight.detach()
        transposed = vjp(lambda points: self.apply_weight(points, weight), self.right)[1]
        right = _unit(transposed(self.left)[0])
        self.left.copy_(_unit(self.apply_weight(right, weight)))
        self.right.copy_(right)

    def norm(self) -> Float[Tensor, ""]:
        """The largest singular value, as far as it is known; differentiable in the weight."""
        left, right = self.left.clone(), self.right.clone()  # the next iteration writes on them
        return (left * self.apply_weight(right, self.weight)).sum()

    def forward(self, input: Tensor) -> Tensor:
        if self.training:
            self.iterate()
        shrunk = self.apply_weight(input, self.weight) / (self.norm() / self.bound).clamp_min(1.0)
        if self.bias is None:
            return shrunk
        return shrunk + self.bias.reshape(-1, *[1] * (self.weight.ndim - 2))  # a channel each, or a column


class BoundedLinear(Bounded, nn.Linear):
    """A linear layer with a bounded norm."""

    def apply_weight(self, points: Tensor, weight: Tensor) -> Tensor:
        return F.linear(points, weight)


class BoundedConvolution(Bounded):
    """A convolution as the operator it is, with its stride, its padding and its groups."""

    def apply_weight(self, points: Tensor, weight: Tensor) -> Tensor:
        return self._conv_forward(points, weight, None)  # pyright: ignore


class BoundedConv1d(BoundedConvolution, nn.Conv1d):
    """A convolution with a bounded norm."""


class BoundedConv2d(BoundedConvolution, nn.Conv2d):
    """A convolution of images with a bounded norm."""


class BoundedConv3d(BoundedConvolution, nn.Conv3d):
    """A convolution of volumes with a bounded norm."""


class BoundedBatchNorm(nn.Module):
    """Batch normalisation whose largest abs(γ) / √(running variance + eps) is bounded."""

    weight: Tensor | None
    bias: Tensor | None
    running_var: Tensor | None
    momentum: float | None
    eps: float
    bound: float

    def bound_by(self, bound: float) -> None:
        if self.running_var is None:
            raise ValueError("batch normalisation can be bounded by its running variance only, but it keeps none")
        self.bound, self.momentum = bound, MOMENTUM

    def forward(self, input: Tensor) -> Tensor:
        assert self.running_var is not None
        scale = (self.running_var.clone() + self.eps).rsqrt()  # before this pass adds to it
        norm = (scale if self.weight is None else self.weight.abs() * scale).max()
        shrink = 1 / (norm / self.bound).clamp_min(1.0)
        normalised = super().forward(input)
        if self.bias is None:
            return shrink * normalised
        return shrink * normalised + (1 - shrink) * self.bias.reshape(-1, *[1] * (input.ndim - 2))


class BoundedBatchNorm1d(BoundedBatchNorm, nn.BatchNorm1d):
    """Batch normalisation of features that stretches no channel by more than a bound."""


class BoundedBatchNorm2d(BoundedBatchNorm, nn.BatchNorm2d):
    """Batch normalisation of images that stretches no channel by more than a bound."""


def _unit(values: Tensor) -> Tensor:
    return F.normalize(values.flatten(), dim=0).view_as(values)
