"""A belief with closed-form moments as a BoTorch model: analytic acquisitions, and Monte Carlo ones too."""

from collections.abc import Callable
from typing import Any

import torch
from botorch.models.model import Model
from botorch.posteriors.gpytorch import GPyTorchPosterior
from gpytorch.distributions import MultivariateNormal
from jaxtyping import Float
from torch import Size, Tensor

from bayesal.types import Moments, Noisy


class MomentsModel(Model):
    """The Gaussian of a belief's mean and covariance at every q-batch: ``b q d`` to a joint normal ``b q``.

    ``noise``: the variance of a label around the function, for ``observation_noise=True``; by default the belief's own
    (``Noisy``).
    """

    def __init__(self, belief: Any, *, noise: float | None = None, point_shape: tuple[int, ...] | None = None) -> None:
        super().__init__()
        if not isinstance(belief, Moments):
            raise ValueError(
                f"a {type(belief).__name__} has no closed-form mean and covariance; draw functions: FunctionsModel.of"
            )
        self.belief = belief
        self.noise = noise
        self.point_shape = point_shape

    @property
    def num_outputs(self) -> int:
        return 1

    @property
    def batch_shape(self) -> Size:
        return Size([])

    def known_noise(self) -> float:
        """Raises ValueError if nobody knows it."""
        if self.noise is not None:
            return self.noise
        if isinstance(self.belief, Noisy):
            return float(self.belief.noise)
        raise ValueError(f"a {type(self.belief).__name__} does not know its noise; give MomentsModel a noise variance")

    def points(self, X: Float[Tensor, "n d"]) -> Tensor:
        """As the belief takes them."""
        return X.reshape(-1, *(self.point_shape or (X.shape[-1],)))

    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: Callable[..., Any] | None = None,
    ) -> Any:
        batches = X.reshape(-1, *X.shape[-2:])
        mean = self.belief.mean(self.points(batches.flatten(0, 1))).to(X)
        covariance = torch.stack([self.belief.covariance(self.points(x), self.points(x)) for x in batches]).to(X)
        if isinstance(observation_noise, Tensor):
            covariance = covariance + torch.diag_embed(observation_noise.squeeze(-1).expand(batches.shape[:-1]))
        elif observation_noise:
            covariance = covariance + self.known_noise() * torch.eye(X.shape[-2]).to(X)
        normal = MultivariateNormal(mean.reshape(X.shape[:-1]), covariance.reshape(*X.shape[:-1], X.shape[-2]))
        told = GPyTorchPosterior(normal)
        return told if posterior_transform is None else posterior_transform(posterior=told, X=X)
