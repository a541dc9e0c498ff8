"""K functions and their noise as the mixture that BoTorch's Bayesian active learning asks for."""

from collections.abc import Callable
from typing import Any

import torch
from botorch.models.model import Model
from botorch.posteriors.fully_bayesian import GaussianMixturePosterior
from gpytorch.distributions import MultivariateNormal
from gpytorch.settings import min_variance
from linear_operator.operators import DiagLinearOperator
from torch import Generator, Size, Tensor
from torch.distributions import Normal

from bayesal.types import Hypotheses, Posterior


class MixtureModel(Model):
    """K functions of one amount, drawn once, each with its own noise: a mixture of K Gaussians ``b K q``.

    For acquisitions of fully Bayesian models, such as ``qBayesianActiveLearningByDisagreement`` (BALD: the entropy of
    the mixture less the mean entropy of its parts). With ``observation_noise=True``, as that one asks, each part has
    the variance of its noise; without, the parts are the functions themselves.
    """

    _is_fully_bayesian = True
    _is_ensemble = True

    def __init__(
        self, hypotheses: Hypotheses, num_hypotheses: int, *, point_shape: tuple[int, ...] | None = None
    ) -> None:
        super().__init__()
        self.hypotheses = hypotheses
        self.num_hypotheses = num_hypotheses
        self.point_shape = point_shape

    @classmethod
    def of(
        cls, posterior: Posterior, num_hypotheses: int = 64, *, example: Tensor, generator: Generator, **settings: Any
    ):
        """K functions of this posterior; ``example``: a point or more, ``n d``, to see how many there are."""
        hypotheses = posterior.draw(num_hypotheses, generator=generator)
        drawn = hypotheses(example.reshape(-1, *(settings.get("point_shape") or (example.shape[-1],))))
        return cls(hypotheses, drawn.batch_shape[1], **settings)

    @property
    def num_outputs(self) -> int:
        return 1

    @property
    def batch_shape(self) -> Size:
        return Size([self.num_hypotheses])

    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: Callable[..., Any] | None = None,
    ) -> Any:
        if isinstance(observation_noise, Tensor):
            raise ValueError("the hypotheses have noise of their own, so observation_noise must be True or False")
        predictions = self.hypotheses(X.reshape(-1, *(self.point_shape or (X.shape[-1],))))
        if not isinstance(predictions, Normal):
            raise ValueError(f"a mixture of Gaussians needs one amount a point, but the model predicts {predictions!r}")

        def shaped(values: Tensor) -> Tensor:
            return values.to(X).unflatten(0, X.shape[:-1]).movedim(-1, -2)

        smallest = min_variance.value(X.dtype) or 0.0  # a normal needs some, also of a function that is known
        variance = predictions.variance if observation_noise else torch.full_like(predictions.loc, smallest)
        parts = MultivariateNormal(shaped(predictions.loc), DiagLinearOperator(shaped(variance)))
        told = GaussianMixturePosterior(distribution=parts)
        return told if posterior_transform is None else posterior_transform(posterior=told, X=X)
