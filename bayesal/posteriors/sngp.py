"""SNGP: a Gaussian process by random features on top of a network that keeps distances."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Generator, Tensor, nn

from bayesal.learning.losses import BinaryCrossEntropy, CrossEntropy, SquaredLoss
from bayesal.posteriors.last_layers.curvature import Full
from bayesal.posteriors.last_layers.evidence import check_positive, linear_evidence, tuned
from bayesal.posteriors.last_layers.gaussian_head import GaussianHead, GaussianHeadOfAmounts
from bayesal.posteriors.last_layers.head import Head
from bayesal.posteriors.last_layers.laplace_classes import curvature
from bayesal.posteriors.last_layers.trained_noise import dropout_noise

PRECISIONS = ("gaussian", "softmax")


class SNGP(GaussianHead):
    """β ~ N(β_trained, ridge · P⁻¹) for each class, P = ridge · I + Σ φ φᵀ over the labelled points (Liu et al., 2020).

    φ are what the network computes before its last linear layer: ``RandomFourierFeatures`` of a trunk whose layers are
    bounded by ``soft_spectral_norm``. P is summed in one clean pass with the final weights. It is linear regression of
    the outputs with the prior N(0, I) and the noise variance ``ridge``. Hypotheses draw β once, so they are functions;
    ``marginal`` is the mean-field softmax, of each point alone, with ``factor`` π/8 by theory and 25 in the authors'
    program for CIFAR.
    """

    @classmethod
    def fit(
        cls,
        network: nn.Module,
        inputs: Shaped[Tensor, "L ..."],
        targets: Shaped[Tensor, "L ..."],
        *,
        loss: Any,
        generator: Generator,
        ridge: float | None = None,
        precision: str = "gaussian",
    ) -> "SNGP":
        """On a network trained with ``CrossEntropy`` or ``BinaryCrossEntropy``, or with ``SquaredLoss`` for amounts.

        ``ridge``: 1 by default for classes; for amounts it is the noise of a standardised label, which maximises the
        evidence unless it is given, but is at least what is left with the network's dropout on (``dropout_noise``).
        ``precision``: "softmax" weights each point by p (1 - p) of the class, so that each class has its own P.
        Raises ValueError for other losses and for a ridge that is not positive.
        """
        check_positive(ridge=ridge)
        if not isinstance(loss, CrossEntropy | BinaryCrossEntropy | SquaredLoss):
            raise ValueError(
                "SNGP takes networks trained with CrossEntropy, BinaryCrossEntropy or SquaredLoss (one output an "
                f"amount), but the loss is {type(loss).__name__}"
            )
        if precision not in PRECISIONS:
            raise ValueError(f"precision must be {' or '.join(PRECISIONS)}, but it is {precision!r}")
        head, weights = Head.split(network, inputs)
        rows, _ = head.rows(inputs)
        if isinstance(loss, SquaredLoss):
            if ridge is None and len(rows):
                standard = (targets.to(rows) - loss.shift) / loss.scale
                least = dropout_noise(network, inputs, targets, loss=loss, generator=generator)
                _, ridge = tuned(linear_evidence(rows, standard), precision=1.0, noise=None, least_noise=least)
            ridge = ridge or 1.0
            root = Ridged(Full.of(rows, torch.ones_like(rows[:, :1]), ridge), ridge)
            return SNGPOfAmounts(head, weights, root, variance=ridge, shift=loss.shift, scale=loss.scale)
        ridge = ridge or 1.0
        counted = torch.ones_like(rows[:, :1])
        if precision == "softmax":
            counted = curvature(rows @ weights.mT, loss)
            counted = counted if counted.ndim == 2 else counted.diagonal(dim1=1, dim2=2)
        return cls(head, weights, Ridged(Full.of(rows, counted, ridge), ridge), loss.likelihood)


class SNGPOfAmounts(GaussianHeadOfAmounts, SNGP):
    """The same for one amount a point, with its moments."""


@dataclass(frozen=True, eq=False)
class Ridged:
    """ridge · P⁻¹, with one P a class, or one for all."""

    precisions: Full
    ridge: float

    def deviations(self, noise: Float[Tensor, "K C D"], /) -> Float[Tensor, "K C D"]:
        return self.ridge**0.5 * self.precisions.deviations(self._blocks(noise)).reshape(noise.shape)

    def project(self, rows: Float[Tensor, "K C D"], /) -> Float[Tensor, "K C D"]:
        return self.ridge**0.5 * self.precisions.project(self._blocks(rows)).reshape(rows.shape)

    def _blocks(self, rows: Float[Tensor, "K C D"]) -> Float[Tensor, "K2 B D"]:
        return rows.reshape(-1, len(self.precisions.factors), rows.shape[-1])

    @property
    def state(self) -> dict[str, Tensor]:
        return self.precisions.state
