"""SWAG: a Gaussian around the average of the weights that a training with a high constant rate passes through."""

from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from torch import Generator, Tensor, nn

from bayesal.learning import Examples, Loss, Streams, Training, minimise
from bayesal.likelihoods import Likelihood, categorical
from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.network import NetworkHypotheses
from bayesal.posteriors.points import Points
from bayesal.posteriors.trained import TrainedNetwork
from bayesal.posteriors.weight_walks.batch_norm import recomputed, tracked
from bayesal.posteriors.weight_walks.weight_moments import WeightMoments
from bayesal.types import Inputs

SAMPLE = 2048  # training points kept for the statistics of batch normalisation


def sgd(parameters: Any, *, lr: float, weight_decay: float) -> torch.optim.Optimizer:
    """Stochastic gradient descent with momentum 0.9."""
    return torch.optim.SGD(parameters, lr=lr, weight_decay=weight_decay, momentum=0.9)


WALK = Training(optimiser=sgd, learning_rate=0.02, weight_decay=1e-4, max_epochs=20, patience=None, clip_norm=5.0)
"""How ``SWAG.fit`` goes on by default."""


class SWAG:
    """The Gaussian of weights along a training as a posterior (Maddox, Garipov, Izmailov, Vetrov, Wilson, 2019).

    With the mean θ̄, the variances Σ_diag and the last R deviations D (columns) of the collected weights,

        θ_k = θ̄ + Σ_diag^½ z₁ / √2 + D z₂ / √(2 (R - 1)),   z ~ N(0, I):   covariance ½ (Σ_diag + D Dᵀ / (R - 1)).

    With R < 2 columns the covariance is Σ_diag whole. Each hypothesis is the network under one θ_k; where it has batch
    normalisation, the statistics are computed anew for every θ_k, by a pass over ``inputs`` (of which at most 2048,
    evenly spaced, are kept) in an order drawn with the generator, and are a part of the hypothesis.

    ``moments``: what was collected, once an epoch in any training loop: ``moments = WeightMoments(network)``, then
    ``moments.add(network)``; or ``WeightMoments.of(network, states)``. ``fit`` does it by the library's own.
    Raises ValueError for weights that never changed, and if there is batch normalisation but no ``inputs``.
    """

    def __init__(
        self,
        network: nn.Module,
        moments: WeightMoments,
        likelihood: Likelihood = categorical,
        *,
        inputs: Inputs | None = None,
    ) -> None:
        if not moments.variance.any():
            raise ValueError(
                f"the {moments.count} collected weights are all the same, so they are a single function; collect at "
                "least two, with a learning rate that moves them"
            )
        self.moments = moments.copy()
        self.likelihood = likelihood
        self._network = frozen_copy(network)
        self._points = None
        if tracked(self._network):
            if inputs is None:
                raise ValueError(
                    "the network has batch normalisation, whose statistics are computed anew for all drawn weights: "
                    "give the training points as inputs="
                )
            points = Points.prepare(inputs, self._network)
            self._points = points[:: -(-points.count // SAMPLE)]

    def draw(self, num_hypotheses: int, *, generator: Generator) -> NetworkHypotheses:
        """K networks with weights drawn from the Gaussian."""
        if num_hypotheses < 1:
            raise ValueError(f"at least one hypothesis must be drawn, but num_hypotheses is {num_hypotheses}")
        states = self.moments.draw(num_hypotheses, generator=generator)
        if self._points is not None:
            order = torch.randperm(self._points.count, generator=generator).to(self._points.where)
            shuffled = self._points.map(lambda part: part[order], len(order))
            states |= recomputed(self._network, states, shuffled)
        return NetworkHypotheses(self._network, states, self.likelihood)

    @property
    def state(self) -> dict[str, Tensor]:
        """The network's tensors by name, and the moments as vectors: ``swag.mean``, ``swag.variance`` of P numbers,
        ``swag.deviations`` of R x P."""
        own = {name: value for name, value in self._network.state_dict().items() if isinstance(value, Tensor)}
        moments = self.moments
        return own | {
            "swag.mean": moments.mean,
            "swag.variance": moments.variance,
            "swag.deviations": moments.deviations,
        }

    @cached_property
    def members(self) -> tuple[TrainedNetwork]:
        """One network: with the mean weights, and where it has batch normalisation, with the statistics under them."""
        mean = {name: weights[None] for name, weights in self.moments.named_mean().items()}
        if self._points is not None:
            mean |= recomputed(self._network, mean, self._points)
        state = {name: values[0] for name, values in mean.items()}
        return (TrainedNetwork(self._network, self.likelihood, state=state, trainable=tuple(self.moments.shapes)),)

    @classmethod
    def fit(
        cls,
        network: nn.Module,
        inputs: Inputs,
        targets: Tensor,
        *,
        loss: Loss,
        generator: Generator,
        training: Training = WALK,
        rank: int = 20,
    ) -> "SWAG":
        """Go on from a trained network by ``training``, by default SGD at a constant rate, collecting once an epoch.

        ``inputs``, ``targets``: the labelled points, and their labels as the loss takes them. The network given is not
        changed. A learner: ``Staged(network, SWAG.fit)``. Raises ValueError for fewer than two epochs, and if the
        training diverges.
        """
        if training.max_epochs < 2:
            raise ValueError("weights are collected once an epoch, and one alone has no variance: set max_epochs >= 2")
        walker = frozen_copy(network)
        for own, like in zip(walker.parameters(), network.parameters(), strict=True):
            own.requires_grad_(like.requires_grad)
        points = Points.prepare(inputs, walker)
        if not isinstance(points.inputs, Tensor):
            raise ValueError("SWAG.fit takes points that are one tensor; collect WeightMoments in a loop of your own")
        moments = WeightMoments(walker, rank=rank)
        examples = Examples(points.inputs, targets.to(points.where))
        minimise(
            [walker],
            loss,
            examples,
            streams=[Streams.of(generator)],
            training=replace(training, patience=None),
            on_epoch=lambda network, epoch: moments.add(network),
        )
        return cls(walker, moments, loss.likelihood, inputs=inputs)
