"""K functions of a belief as a BoTorch model, and a sampler that looks at every one of them."""

from collections.abc import Callable
from typing import Any

from botorch.models.model import Model
from botorch.posteriors.ensemble import EnsemblePosterior
from botorch.posteriors.posterior import Posterior as BoTorchPosterior
from botorch.sampling.base import MCSampler
from botorch.sampling.get_sampler import GetSampler
from jaxtyping import Float
from torch import Generator, Size, Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal

from bayesal.types import Hypotheses, Posterior

Values = Callable[[Distribution], Tensor]


def function_values(predictions: Distribution) -> Float[Tensor, "N K m"]:
    """What a hypothesis says without noise: its mean, of one or several amounts, or its probabilities of classes."""
    if isinstance(predictions, Categorical):
        return predictions.probs
    if isinstance(predictions, Normal):
        return predictions.loc.unsqueeze(-1)
    if isinstance(predictions, Independent) and isinstance(predictions.base_dist, Normal | Bernoulli):
        return predictions.base_dist.mean
    raise ValueError(f"BoTorch takes amounts or probabilities, but the model predicts {predictions!r}; give values=...")


class EnumeratedPosterior(EnsemblePosterior):
    """K equally likely outcomes of every q-batch, ``b K q m``: the samples of it are these K, whatever is asked for."""


class Enumerated(MCSampler):
    """Every outcome once, in order. BoTorch's own sampler for ensembles draws members anew for every t-batch element,
    so a candidate's value would depend on where it stands (0.75 to 0.84 for the same one)."""

    def forward(self, posterior: BoTorchPosterior) -> Tensor:
        assert isinstance(posterior, EnumeratedPosterior)
        return posterior.values.movedim(-3, 0)


@GetSampler.register(EnumeratedPosterior)
def _sampler_of_enumerated(posterior: EnumeratedPosterior, sample_shape: Size, **_: Any) -> Enumerated:
    return Enumerated(sample_shape=Size([posterior.ensemble_size]))


class FunctionsModel(Model):
    """K functions, drawn once, as a BoTorch model of m outputs: ``b q d`` points to K outcomes ``b K q m``.

    The functions are equally likely and joint over all points, so Monte Carlo acquisitions are exact averages over
    them, (1/K) Σ_k max_q(f_k - best)⁺ and the like, that do not depend on a candidate's place in the batch. ``values``
    maps predictions to ``N K m`` (by default means, or probabilities of classes). ``point_shape``: what a network takes
    for the d numbers of a point, e.g. ``(1, 8, 8)``. Observation noise is not added; ``MixtureModel`` has it.

    ``FunctionsModel.of(posterior, 64, generator=g)`` draws the functions.
    """

    def __init__(
        self,
        hypotheses: Hypotheses,
        *,
        num_outputs: int = 1,
        values: Values = function_values,
        point_shape: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        self.hypotheses = hypotheses
        self.values = values
        self.point_shape = point_shape
        self._num_outputs = num_outputs

    @classmethod
    def of(cls, posterior: Posterior, num_hypotheses: int = 64, *, generator: Generator, **settings: Any):
        """K functions of this posterior (an ensemble of fewer members gives these)."""
        return cls(posterior.draw(num_hypotheses, generator=generator), **settings)

    @property
    def num_outputs(self) -> int:
        return self._num_outputs

    @property
    def batch_shape(self) -> Size:
        return Size([])

    def known_noise(self) -> float:
        """Raises ValueError: functions do not say how far labels lie from them."""
        raise ValueError("functions do not know the noise of a label: give its variance, noise=...")

    def outcomes(self, X: Float[Tensor, "*b q d"]) -> Float[Tensor, "*b K q m"]:
        """The functions at these points. Raises ValueError if they have another number of outputs than was said."""
        shape = self.point_shape or (X.shape[-1],)
        values = self.values(self.hypotheses(X.reshape(-1, *shape)))
        if values.shape[-1] != self.num_outputs:
            raise ValueError(
                f"the model was announced with num_outputs={self.num_outputs}, "
                f"but its functions have {values.shape[-1]}"
            )
        return values.to(X).unflatten(0, X.shape[:-1]).movedim(-2, -3)

    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: Callable[..., Any] | None = None,
    ) -> Any:
        if isinstance(observation_noise, Tensor) or observation_noise:
            raise ValueError("outcomes with noise cannot be enumerated; use MixtureModel, which adds the noise")
        values = self.outcomes(X)
        told = EnumeratedPosterior(values if output_indices is None else values[..., output_indices])
        return told if posterior_transform is None else posterior_transform(posterior=told, X=X)
