"""BoTorch's and GPyTorch's models as posteriors: functions that are fixed once drawn."""

from dataclasses import dataclass
from typing import Any

import torch
from botorch.models.approximate_gp import ApproximateGPyTorchModel
from botorch.models.model import Model
from botorch.models.transforms.outcome import Standardize
from botorch.posteriors.ensemble import EnsemblePosterior
from botorch.sampling.pathwise import draw_matheron_paths
from gpytorch.models import ExactGP as GPyTorchExactGP
from jaxtyping import Float
from torch import Generator, Size, Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from bayesal.integrations.botorch.functions import FunctionsModel
from bayesal.learning.streams import seeded
from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.gp import ExactGP
from bayesal.posteriors.variational_gp import VariationalGP
from bayesal.types import Posterior


def from_botorch(model: Any, *, noise: float | None = None) -> Posterior:
    """A posterior that draws functions of a BoTorch or GPyTorch model, consistent over chunks, calls and processes.

    ``SingleTaskGP`` and any other ``gpytorch.models.ExactGP`` of one output: ``ExactGP``; of several outputs:
    ``Pathwise``. ``SingleTaskVariationalGP``: ``VariationalGP``. Models whose posterior is an ``EnsemblePosterior``:
    ``Members``, each once. ``noise``: the variance of a label around the function, where the model has no likelihood
    that knows it. Samples of ``model.posterior`` itself would be other functions in every call.

    Raises ValueError for models of another kind (fully Bayesian ones of BoTorch need JAX: see ``FullyBayesianGP``), and
    where the noise is not known.
    """
    if isinstance(model, FunctionsModel):
        raise ValueError("a FunctionsModel was made of a posterior: use that one")
    if isinstance(model, GPyTorchExactGP):
        targets: Any = model.train_targets
        several = targets is not None and targets.ndim > 1
        return Pathwise(model, noise) if several else ExactGP(model)
    if isinstance(model, ApproximateGPyTorchModel):
        shift, unit = _units(model)
        first = getattr(model, "input_transform", None) or nn.Identity()
        return VariationalGP(model.model, model.likelihood, scale=first, shift=shift, unit=unit)  # pyright: ignore
    if isinstance(model, Model):
        return Members(model, noise)
    raise ValueError(f"a {type(model).__name__} is neither a BoTorch model nor a GPyTorch model of exact regression")


class Members:
    """The S members of an ensemble as equally likely functions, with normal noise of the given variance around each."""

    def __init__(self, model: Model, noise: float | None) -> None:
        if noise is None or not noise > 0:
            raise ValueError(
                f"a {type(model).__name__} does not say how far labels lie from its functions: give "
                f"noise=, their variance around them (got {noise})"
            )
        self.model = frozen_copy(model)
        self.noise = noise

    def draw(self, num_hypotheses: int, *, generator: Generator) -> "MemberHypotheses":
        """Each member once, or K < S of them. Raises ValueError for K < 1."""
        if num_hypotheses < 1:
            raise ValueError(f"at least one hypothesis must be drawn, but num_hypotheses is {num_hypotheses}")
        model = frozen_copy(self.model)  # its posterior() changes the training flags
        return MemberHypotheses(model, self.noise, num_hypotheses, torch.randperm(2**10, generator=generator))


@dataclass(frozen=True, eq=False)
class MemberHypotheses:
    """What ``Members`` draws. ``order`` says which members come first, where not all are wanted."""

    model: Any
    noise: float
    num_hypotheses: int
    order: Tensor

    def __call__(self, inputs: Tensor, /) -> Distribution:
        points = _finite(inputs)
        told = self.model.posterior(points.double() if points.dtype != torch.float32 else points)
        if type(told) is not EnsemblePosterior or told._weights is not None:
            raise ValueError(
                f"the posterior of the model is a {type(told).__name__}, whose samples are other functions in every "
                "call; take a Gaussian process, or an ensemble of equally likely members"
            )
        values = told.values.movedim(-3, 1)  # n S m
        if self.num_hypotheses < values.shape[1]:
            chosen = self.order[self.order < values.shape[1]][: self.num_hypotheses]
            values = values[:, chosen.sort().values]
        return _normal(values.to(inputs.device), self.noise)


class Pathwise:
    """Functions of several outputs of a Gaussian process, by BoTorch's pathwise sampling: random features of the prior
    and an exact update (Wilson et al., 2020). ``noise``: the mean variance of a label around the function.
    """

    def __init__(self, model: Any, noise: float | None) -> None:
        self.model = frozen_copy(model)
        self.noise = _noise_of(model) if noise is None else noise

    def draw(self, num_hypotheses: int, *, generator: Generator) -> "PathHypotheses":
        """K functions. Raises ValueError for K < 1."""
        if num_hypotheses < 1:
            raise ValueError(f"at least one hypothesis must be drawn, but num_hypotheses is {num_hypotheses}")
        with seeded(int(torch.randint(2**63 - 1, (), generator=generator))), torch.no_grad():
            try:
                paths = draw_matheron_paths(self.model, Size([num_hypotheses]))
            except NotImplementedError as error:
                raise ValueError(f"BoTorch cannot draw functions of this model: {error}") from error
        return PathHypotheses(paths, self.noise)


@dataclass(frozen=True, eq=False)
class PathHypotheses:
    """What ``Pathwise`` draws."""

    paths: Any
    noise: float | Tensor

    def __call__(self, inputs: Tensor, /) -> Distribution:
        values = self.paths(_finite(inputs).double()).movedim(-2, -1)  # K n m
        return _normal(values.transpose(0, 1).to(inputs.device), self.noise)


def _finite(inputs: Tensor) -> Tensor:
    broken = int((~inputs.isfinite().all(-1)).sum())
    if broken:
        raise ValueError(f"{broken} of {len(inputs)} points hold NaN or infinite inputs; clean or drop them first")
    return inputs


def _normal(values: Float[Tensor, "n K m"], noise: float | Tensor) -> Distribution:
    spread = torch.as_tensor(noise).to(values).sqrt().expand_as(values)
    if values.shape[-1] == 1:
        return Normal(values.squeeze(-1), spread.squeeze(-1), validate_args=False)
    return Independent(Normal(values, spread, validate_args=False), 1, validate_args=False)


@torch.no_grad()
def _noise_of(model: Any) -> Tensor:
    """The variance of a label of each output around its function, as BoTorch adds it."""
    point = model.train_inputs[0].flatten(0, -2)[:1]
    with_noise, without = (model.posterior(point, observation_noise=noise).variance for noise in (True, False))
    return (with_noise - without)[0]


def _units(model: Any) -> tuple[float, float]:
    transform = getattr(model, "outcome_transform", None)
    if transform is None:
        return 0.0, 1.0
    if type(transform) is not Standardize or transform.means.numel() > 1:
        raise ValueError(f"labels changed by a {type(transform).__name__} cannot be told in their own units")
    return float(transform.means), float(transform.stdvs)
