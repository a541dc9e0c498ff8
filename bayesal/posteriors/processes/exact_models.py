"""What GPyTorch's and BoTorch's models of exact regression say, in tensors."""

from typing import Any, NamedTuple

import torch
from botorch.models.transforms.outcome import Standardize
from gpytorch.likelihoods import FixedNoiseGaussianLikelihood, GaussianLikelihood
from gpytorch.models import ExactGP
from torch import Tensor, nn

from bayesal.networks.standardise import Standardise
from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.processes.conditioned import Conditioned, Level
from bayesal.posteriors.processes.gpytorch_parts import Evaluated, MeanModule, close, covariance_of, dense, trend_of
from bayesal.posteriors.processes.kernels import Stationary


class Read(NamedTuple):
    """A process in the model's own units, the change of its inputs, and the labels' shift and unit."""

    process: Conditioned
    change: nn.Module
    shift: float
    unit: float


@torch.no_grad()
def read(model: ExactGP) -> Read:
    """A copy, in double precision, of what a fitted model of one output says.

    Its ``forward`` must be ``mean_module`` and ``covar_module`` of the inputs, its noise known (``GaussianLikelihood``,
    ``FixedNoiseGaussianLikelihood``), its inputs changed column by column if at all (``Normalize``) and its labels by
    ``Standardize`` if at all. Raises ValueError for others, RuntimeError for a model without training points.
    """
    copied: Any = frozen_copy(model).double()
    if copied.train_inputs is None or copied.train_targets is None:
        raise RuntimeError("the model has no training points: give it inputs and targets, and fit it")
    if len(copied.train_inputs) != 1 or copied.train_inputs[0].ndim != 2 or copied.train_targets.ndim != 1:
        raise ValueError(
            "the model must have one tensor of inputs, no batch and one output, but its targets are "
            f"{tuple(copied.train_targets.shape)}; take one output with subset_output, or one model a label"
        )
    inputs, targets = copied.train_inputs[0].detach().double(), copied.train_targets.detach().double()
    if not hasattr(copied, "mean_module") or not hasattr(copied, "covar_module") or not _is_plain(copied, inputs):
        raise ValueError(
            f"the forward of the model ({type(model).__name__}) must be its mean_module and covar_module of the "
            "inputs; give what comes before them, such as a network, as scale="
        )
    likelihood = copied.likelihood
    if type(likelihood) not in (GaussianLikelihood, FixedNoiseGaussianLikelihood):
        raise ValueError(
            "the model must have a GaussianLikelihood or a FixedNoiseGaussianLikelihood, "
            f"but it has a {type(likelihood).__name__}"
        )
    trend = trend_of(copied.mean_module)
    kernel = covariance_of(copied.covar_module, inputs)
    process = Conditioned(kernel, trend, inputs.clone(), targets[None].clone(), likelihood.noise.reshape(1, -1).clone())
    return Read(process, _change(copied, inputs), *_shift_and_unit(copied))


def _is_plain(model: Any, inputs: Tensor) -> bool:
    some = inputs[:8]
    prior = model.forward(some)
    covariance = dense(model.covar_module, some, some)
    return close(prior.mean, model.mean_module(some)) and close(prior.covariance_matrix, covariance)


def _change(model: Any, inputs: Tensor) -> nn.Module:
    """The model's change of inputs as one layer, found by what it does to three points."""
    transform = getattr(model, "input_transform", None)
    if transform is None:
        return nn.Identity()
    zero, one, two = (transform(torch.full((1, inputs.shape[1]), value).to(inputs)) for value in (0.0, 1.0, 2.0))
    slope = one - zero
    if not zero.shape == inputs[:1].shape or not close(two - one, slope) or (slope == 0).any():
        raise ValueError(
            f"the model changes its inputs by a {type(transform).__name__}, but only a shift and a unit a column can "
            "be kept; build the model without it and give it as scale="
        )
    return Standardise((-zero / slope)[0], (1 / slope)[0])


def _shift_and_unit(model: Any) -> tuple[float, float]:
    transform = getattr(model, "outcome_transform", None)
    if transform is None:
        return 0.0, 1.0
    if type(transform) is not Standardize:
        raise ValueError(
            f"the model changes its labels by a {type(transform).__name__}, but predictions in the labels' own units "
            "are only normal after Standardize, or without a change"
        )
    return float(transform.means), float(transform.stdvs)


def tensors_of(process: Conditioned, first: nn.Module) -> dict[str, Tensor]:
    """What a process is made of, by name, for saving."""
    found = {f"first.{name}": value for name, value in first.state_dict().items()}
    found |= {"inputs": process.inputs, "targets": process.targets, "noise": process.noise}
    if isinstance(process.kernel, Stationary):
        found |= {"lengths": process.kernel.lengths, "amplitude": process.kernel.amplitude}
    elif isinstance(process.kernel, Evaluated):
        found |= {f"kernel.{name}": value for name, value in process.kernel.kernel.state_dict().items()}
    if isinstance(process.trend, Level):
        found["level"] = process.trend.level
    elif isinstance(process.trend, MeanModule):
        found |= {f"mean.{name}": value for name, value in process.trend.mean.state_dict().items()}
    return {name: value.detach() for name, value in found.items()}
