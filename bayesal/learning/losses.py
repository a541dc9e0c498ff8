"""Losses: negative log-likelihoods, one number a point in nats, each with the likelihood its network stands for."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor
from torch.distributions import Distribution, Normal
from torch.nn import functional as F

from bayesal.likelihoods import SMALLEST_VARIANCE, Likelihood, bernoulli, categorical, gaussian, gaussian_with_noise


@runtime_checkable
class Loss(Protocol):
    """What a network is trained for."""

    def __call__(self, outputs: Float[Tensor, "N C"], targets: Shaped[Tensor, "N ..."], /) -> Float[Tensor, "N"]:
        """The loss of each point, from its own output and target only."""
        ...

    def error(self, outputs: Float[Tensor, "N C"], targets: Shaped[Tensor, "N ..."], /) -> Float[Tensor, "N"]:
        """What early stopping watches on validation points; smaller is better."""
        ...

    def prepare(self, labels: Tensor, num_outputs: int, /) -> Shaped[Tensor, "N ..."]:
        """The labels as the loss takes them. Raises ValueError for labels it cannot take, naming the first."""
        ...

    def fit(self, targets: Shaped[Tensor, "N ..."], /) -> "Loss":
        """This loss on the scale of these targets."""
        ...

    @property
    def likelihood(self) -> Likelihood:
        """Outputs to the label's distribution, in the labels' own units."""
        ...


@dataclass(frozen=True)
class CrossEntropy:
    """-log softmax(outputs)_y for class numbers y = 0 ... C-1; early stopping watches the share of wrong classes."""

    def __call__(self, outputs: Float[Tensor, "N C"], targets: Int[Tensor, "N"], /) -> Float[Tensor, "N"]:
        return F.cross_entropy(outputs, targets, reduction="none")

    def error(self, outputs: Float[Tensor, "N C"], targets: Int[Tensor, "N"], /) -> Float[Tensor, "N"]:
        return (outputs.argmax(dim=-1) != targets).to(outputs.dtype)

    def prepare(self, labels: Tensor, num_outputs: int, /) -> Int[Tensor, "N"]:
        if num_outputs < 2:
            raise ValueError("classes need a network with at least two outputs, but this one has 1")
        if labels.ndim != 1:
            raise ValueError(
                f"classes need one number a point, but the labels have shape {tuple(labels.shape)}; "
                "for several labels a point use BinaryCrossEntropy"
            )
        whole = labels.to(torch.int64)
        _refuse(
            labels,
            (whole != labels) | (whole < 0) | (whole >= num_outputs),
            f"one of the classes 0 ... {num_outputs - 1} that the network's {num_outputs} outputs stand for",
        )
        return whole

    def fit(self, targets: Int[Tensor, "N"], /) -> "CrossEntropy":
        return self

    @property
    def likelihood(self) -> Likelihood:
        return categorical


@dataclass(frozen=True)
class BinaryCrossEntropy:
    """-Σ_c log Bernoulli(y_c; sigmoid(output_c)) for C labels that may hold together, each 0 or 1."""

    def __call__(self, outputs: Float[Tensor, "N C"], targets: Float[Tensor, "N C"], /) -> Float[Tensor, "N"]:
        return F.binary_cross_entropy_with_logits(outputs, targets, reduction="none").sum(dim=-1)

    def error(self, outputs: Float[Tensor, "N C"], targets: Float[Tensor, "N C"], /) -> Float[Tensor, "N"]:
        return ((outputs > 0) != (targets > 0.5)).to(outputs.dtype).mean(dim=-1)

    def prepare(self, labels: Tensor, num_outputs: int, /) -> Float[Tensor, "N C"]:
        if labels.shape[1:] != (num_outputs,):
            raise ValueError(
                f"multi-label points need {num_outputs} labels each, one for each output of the network, "
                f"but the labels have shape {tuple(labels.shape)}"
            )
        _refuse(labels, (labels != 0) & (labels != 1), "0 or 1")
        return labels.double()

    def fit(self, targets: Float[Tensor, "N C"], /) -> "BinaryCrossEntropy":
        return self

    @property
    def likelihood(self) -> Likelihood:
        return bernoulli


@dataclass(frozen=True)
class GaussianLoss:
    """-log Normal(y; shift + scale·μ, scale²·σ²) for outputs (μ, s), σ² = softplus(s) + 1e-6 (Lakshminarayanan 2017).

    ``fit`` takes shift and scale from the labelled targets (mean and standard deviation), so the network works with
    numbers around 1 while the loss, in nats, and the likelihood are in the labels' own units. The variance over-fits
    tens of labels easily: hold some out for validation, or drop half (``dropout=0.5``).
    """

    shift: float = 0.0
    scale: float = 1.0

    def __call__(self, outputs: Float[Tensor, "N 2"], targets: Float[Tensor, "N"], /) -> Float[Tensor, "N"]:
        mean, raw = outputs.unbind(-1)
        variance = F.softplus(raw) + SMALLEST_VARIANCE
        residual = (targets - self.shift) / self.scale - mean
        constant = math.log(self.scale) + math.log(2 * math.pi) / 2
        return (variance.log() + residual.square() / variance) / 2 + constant

    def error(self, outputs: Float[Tensor, "N 2"], targets: Float[Tensor, "N"], /) -> Float[Tensor, "N"]:
        return self(outputs, targets)

    def prepare(self, labels: Tensor, num_outputs: int, /) -> Float[Tensor, "N"]:
        if num_outputs != 2:
            raise ValueError(
                f"the Gaussian loss needs a network with two outputs (mean, raw scale), but this one has {num_outputs}"
            )
        return _amounts(labels)

    def fit(self, targets: Float[Tensor, "N"], /) -> "GaussianLoss":
        shift, scale = _shift_and_scale(targets)
        return replace(self, shift=shift, scale=scale)

    @property
    def likelihood(self) -> Likelihood:
        return Rescaled(gaussian, self.shift, self.scale)


@dataclass(frozen=True)
class SquaredLoss:
    """-log Normal(y; shift + scale·μ, scale²·variance) for one output μ a point: least squares.

    ``fit`` takes shift and scale from the labelled targets. ``variance``: that of a standardised label around the
    network, which a belief fitted on the network estimates anew; it does not move the network's optimum.
    """

    shift: float = 0.0
    scale: float = 1.0
    variance: float = 1.0

    def __call__(self, outputs: Float[Tensor, "N 1"], targets: Float[Tensor, "N"], /) -> Float[Tensor, "N"]:
        residual = (targets - self.shift) / self.scale - outputs.squeeze(-1)
        constant = math.log(self.scale) + math.log(2 * math.pi * self.variance) / 2
        return residual.square() / (2 * self.variance) + constant

    def error(self, outputs: Float[Tensor, "N 1"], targets: Float[Tensor, "N"], /) -> Float[Tensor, "N"]:
        return self(outputs, targets)

    def prepare(self, labels: Tensor, num_outputs: int, /) -> Float[Tensor, "N"]:
        if num_outputs != 1:
            raise ValueError(f"the squared loss needs a network with one output, but this one has {num_outputs}")
        return _amounts(labels)

    def fit(self, targets: Float[Tensor, "N"], /) -> "SquaredLoss":
        shift, scale = _shift_and_scale(targets)
        return replace(self, shift=shift, scale=scale)

    @property
    def likelihood(self) -> Likelihood:
        return Rescaled(gaussian_with_noise(self.variance**0.5), self.shift, self.scale)


@dataclass(frozen=True)
class Rescaled:
    """A Gaussian likelihood of standardised labels, told in the labels' own units: shift + scale · label."""

    standard: Callable[[Tensor], Distribution]
    shift: float
    scale: float

    def __call__(self, outputs: Tensor, /) -> Normal:
        normal = self.standard(outputs)
        assert isinstance(normal, Normal)
        return Normal(self.shift + self.scale * normal.loc, self.scale * normal.scale, validate_args=False)


def _amounts(labels: Tensor) -> Float[Tensor, "N"]:
    labels = labels.squeeze(-1) if labels.ndim == 2 else labels
    if labels.ndim != 1:
        raise ValueError(f"amounts need one number a point, but the labels are {tuple(labels.shape)}")
    _refuse(labels, ~labels.isfinite(), "a finite number")
    return labels.double()


def _shift_and_scale(targets: Float[Tensor, "N"]) -> tuple[float, float]:
    spread = float(targets.double().std(correction=0))
    return float(targets.double().mean()), spread if spread > 0 else 1.0


def _refuse(labels: Tensor, wrong: Bool[Tensor, "..."], expected: str) -> None:
    if wrong.any():
        raise ValueError(f"a label must be {expected}, but there is the label {labels[wrong][0].item()}")
