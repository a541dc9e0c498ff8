"""A Gaussian belief about the last layer: what its Laplace approximation, SNGP and linear regression share."""

import math

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.distributions import Distribution, Normal

from bayesal.learning.losses import Rescaled
from bayesal.likelihoods import Likelihood, gaussian_with_noise
from bayesal.posteriors.last_layers.curvature import Root
from bayesal.posteriors.last_layers.head import Head
from bayesal.posteriors.network import NetworkHypotheses
from bayesal.types import Inputs

BLOCK = 2**24  # numbers in the rows that variances are computed from together: 128 MB


class GaussianHead:
    """W ~ N(``weights``, R Rᵀ), R the ``root``; a hypothesis is the network with one W, so draws are functions."""

    def __init__(
        self,
        head: Head,
        weights: Float[Tensor, "C D"],
        root: Root,
        likelihood: Likelihood,
        *,
        factor: float = math.pi / 8,
    ) -> None:
        self.head = head
        self.weights = weights
        self.root = root
        self.likelihood = likelihood
        self.factor = factor

    def draw(self, num_hypotheses: int, *, generator: Generator) -> NetworkHypotheses:
        """K heads; what comes before them is computed once a point."""
        if num_hypotheses < 1:
            raise ValueError(f"at least one hypothesis must be drawn, but num_hypotheses is {num_hypotheses}")
        noise = torch.randn(num_hypotheses, *self.weights.shape, generator=generator, dtype=torch.float64)
        drawn = self.weights + self.root.deviations(noise.to(self.weights.device))
        return self.head.hypotheses(drawn, self.likelihood)

    def embed(self, inputs: Inputs, /) -> Float[Tensor, "N D"]:
        """The inputs of the last layer, without the constant 1 of its bias."""
        features, points = self.head.features(inputs)
        return features.to(points.device)

    def marginal(self, inputs: Inputs, /) -> Distribution:
        """The prediction averaged over W in closed form, approximately: the likelihood of f / √(1 + ``factor`` · v),
        with the mean f and the variance v of each output (MacKay, 1992). Of each point alone (batch shape ``N``): it
        says nothing of points together, so that hypotheses, not this, are for joint scores.
        """
        rows, points = self.head.rows(inputs)
        outputs = rows @ self.weights.mT / (1 + self.factor * self.output_variance(rows)).sqrt()
        return self.likelihood(outputs.to(points.device))

    def output_variance(self, rows: Float[Tensor, "N D"]) -> Float[Tensor, "N C"]:
        """The variance of each output, from features with their constant."""
        num_outputs = len(self.weights)
        unit = torch.eye(num_outputs).to(rows)[:, :, None]
        parts = rows.split(max(1, BLOCK // (num_outputs * self.weights.numel())))
        variances = [
            self.root.project((unit * part[:, None, None]).flatten(0, 1)).square().sum((1, 2)) for part in parts
        ]
        return torch.cat(variances).reshape(len(rows), num_outputs)

    @property
    def state(self) -> dict[str, Tensor]:
        """The network's tensors, the mean of its head among them, and those of the covariance, for saving."""
        network = self.head.network(self.weights)
        return {**network.state_dict(), **{f"covariance.{name}": tensor for name, tensor in self.root.state.items()}}


class GaussianHeadOfAmounts(GaussianHead):
    """For one amount a point: labels are shift + scale · (W φ + noise), and the moments are known in closed form.

    ``variance``: of the noise around a standardised function. What the methods say is in the labels' own units.
    """

    def __init__(
        self, head: Head, weights: Float[Tensor, "1 D"], root: Root, *, variance: float, shift: float, scale: float
    ) -> None:
        super().__init__(head, weights, root, Rescaled(gaussian_with_noise(variance**0.5), shift, scale))
        self.noise = variance * scale**2
        self.shift, self.scale = shift, scale

    def marginal(self, inputs: Inputs, /) -> Normal:
        """The prediction averaged over W, exactly: of each point alone, with the noise of its label."""
        return Normal(self.mean(inputs), (self.variance(inputs) + self.noise).sqrt(), validate_args=False)

    def mean(self, inputs: Inputs, /) -> Float[Tensor, "N"]:
        rows, points = self.head.rows(inputs)
        return (self.shift + self.scale * (rows @ self.weights[0])).to(points.device)

    def covariance(self, inputs: Inputs, others: Inputs, /) -> Float[Tensor, "N M"]:
        (rows, points), (beside, _) = self.head.rows(inputs), self.head.rows(others)
        return (self.scale**2 * (self._projected(rows) @ self._projected(beside).mT)).to(points.device)

    def variance(self, inputs: Inputs, /) -> Float[Tensor, "N"]:
        rows, points = self.head.rows(inputs)
        return (self.scale**2 * self._projected(rows).square().sum(1)).to(points.device)

    def _projected(self, rows: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
        return self.root.project(rows[:, None]).squeeze(1)
