"""A Bayesian last layer: conjugate linear regression on fixed features, told more labels exactly and at once."""

import math
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Generator, Tensor, nn

from bayesal.learning.losses import SquaredLoss
from bayesal.posteriors.last_layers.conjugate import Conjugate, Roots
from bayesal.posteriors.last_layers.evidence import linear_evidence, tuned
from bayesal.posteriors.last_layers.gaussian_head import GaussianHeadOfAmounts
from bayesal.posteriors.last_layers.head import Head
from bayesal.posteriors.last_layers.trained_noise import dropout_noise
from bayesal.types import Inputs


class BayesianLastLayer(GaussianHeadOfAmounts):
    """y = shift + scale · (wᵀ φ(x) + noise), w ~ N(0, I / Δ) before any label: Gaussian after any number of them.

    The cheapest belief whose functions are drawn jointly, and the reference for others: moments, information and the
    density of the labels are exact, and ``condition_on`` tells it more labels by an update of their rank instead of
    learning anew. φ stays as it is, as do Δ, the noise, the shift and the scale.
    """

    def __init__(self, head: Head, belief: Conjugate, *, variance: float, shift: float = 0.0, scale: float = 1.0):
        super().__init__(head, belief.means, Roots(belief.roots), variance=variance, shift=shift, scale=scale)
        self.belief = belief
        self.standard_noise = variance

    @classmethod
    def fit(
        cls,
        network: nn.Module,
        inputs: Shaped[Tensor, "L ..."],
        targets: Float[Tensor, "L"],
        *,
        loss: Any,
        generator: Generator,
        precision: float | None = None,
        noise: float | None = None,
    ) -> "BayesianLastLayer":
        """On what a network trained with ``SquaredLoss`` computes before its last linear layer, which is dropped.

        ``precision``: Δ, and ``noise``: the variance of a label around the function, in its own units; what is not
        given maximises the evidence, with at least the noise that is left with the network's dropout on (see
        ``dropout_noise``). Raises ValueError for another loss.
        """
        if not isinstance(loss, SquaredLoss):
            raise ValueError(
                f"the last layer of amounts takes networks trained with SquaredLoss, not {type(loss).__name__}; "
                "for classes use DirichletLastLayer or LastLayerLaplace"
            )
        head, _ = Head.split(network, inputs)
        least = dropout_noise(network, inputs, targets, loss=loss, generator=generator)
        return cls._of(head, inputs, targets, precision, noise, loss, least)

    @classmethod
    def on(
        cls,
        features: nn.Module,
        inputs: Shaped[Tensor, "L ..."],
        labels: Shaped[Tensor, "L"],
        *,
        precision: float | None = None,
        noise: float | None = None,
        bias: bool = True,
        standardise: bool = True,
    ) -> "BayesianLastLayer":
        """On the flattened outputs of any module that stays as it is: ``nn.Identity()`` is plain linear regression.

        ``standardise``: shift and scale labels to mean 0 and variance 1 inside.
        """
        loss = SquaredLoss().fit(labels.double()) if standardise and len(labels) else SquaredLoss()
        head = Head.on(features, inputs, bias=bias)
        return cls._of(head, inputs, labels, precision, noise, loss, 0.0)

    @classmethod
    def _of(
        cls,
        head: Head,
        inputs: Tensor,
        labels: Tensor,
        precision: float | None,
        noise: float | None,
        loss: SquaredLoss,
        least: float,
    ) -> "BayesianLastLayer":
        rows, _ = head.rows(inputs)
        standard = (labels.to(rows) - loss.shift) / loss.scale
        variance = None if noise is None else noise / loss.scale**2
        if len(rows):
            evidence = linear_evidence(rows, standard)
            precision, variance = tuned(evidence, precision=precision, noise=variance, least_noise=least)
        else:  # the prior: no label says anything of it
            precision, variance = precision or 1.0, variance or 1.0
        belief = Conjugate.fit(rows, standard[:, None], torch.full_like(standard[:, None], variance), precision)
        return cls(head, belief, variance=variance, shift=loss.shift, scale=loss.scale)

    def condition_on(self, inputs: Inputs, labels: Shaped[Tensor, "B"]) -> "BayesianLastLayer":
        """The belief after these labels too: to the last digits what it is when told all labels at once."""
        rows, _ = self.head.rows(inputs)
        standard = ((labels.to(rows) - self.shift) / self.scale)[:, None]
        if len(standard) != len(rows) or not standard.isfinite().all():
            raise ValueError(f"every point needs one finite label: {len(rows)} points, labels of {tuple(labels.shape)}")
        told = self.belief.condition_on(rows, standard, torch.full_like(standard, self.standard_noise))
        return BayesianLastLayer(self.head, told, variance=self.standard_noise, shift=self.shift, scale=self.scale)

    @property
    def log_evidence(self) -> float:
        """The log density of all labels so far, in nats, in their own units."""
        return self.belief.log_evidence - self.belief.num_rows * math.log(self.scale)

    def information(self, inputs: Inputs) -> float:
        """I[labels of these points; w] in nats, all of them together: ½ log det(I + covariance / noise)."""
        rows, _ = self.head.rows(inputs)
        return self.belief.information(rows, torch.full_like(rows[:, :1], self.standard_noise))
