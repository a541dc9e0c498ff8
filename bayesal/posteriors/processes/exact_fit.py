"""Hyper-parameters of exact regression, fitted with BoTorch."""

import math
import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from botorch.exceptions.errors import ModelFittingError
from botorch.exceptions.warnings import InputDataWarning, OptimizationWarning
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.optim.fit import fit_gpytorch_mll_torch
from gpytorch.constraints import GreaterThan
from gpytorch.kernels import Kernel, MaternKernel, RBFKernel
from gpytorch.likelihoods import GaussianLikelihood
from gpytorch.mlls import ExactMarginalLogLikelihood
from gpytorch.priors import LogNormalPrior
from gpytorch.settings import max_cholesky_size
from jaxtyping import Float
from torch import Generator, Tensor
from tqdm import tqdm

from bayesal.learning.streams import seeded
from bayesal.posteriors.processes.priors import (
    LENGTH_SPREAD,
    MAX_OWN_LENGTHS,
    SMALLEST_NOISE,
    SPREAD_OF_UNIT_CUBE,
    length_location,
)

SHORTEST = 0.025 / SPREAD_OF_UNIT_CUBE
MAX_ITERATIONS = 200
SHOW_PROGRESS_AFTER = 2.0  # seconds
ADAM_STEPS = 500

MakeKernel: TypeAlias = Callable[[int], Kernel]
"""The number of columns to a kernel."""


def matern(num_columns: int, smoothness: float = 2.5) -> Kernel:
    """The default for columns of standard deviation 1: Matérn, ν = 5/2 (∞: squared exponential), for standardised
    labels.

    Each column has a length-scale of its own, or all one where there are more than 50; their prior grows with the
    number of columns (see ``bayesal.posteriors.processes.priors``).
    """
    prior = LogNormalPrior(length_location(num_columns), LENGTH_SPREAD)
    settings: dict[str, Any] = {
        "ard_num_dims": num_columns if num_columns <= MAX_OWN_LENGTHS else None,
        "lengthscale_prior": prior,
        "lengthscale_constraint": _at_least(SHORTEST, start=float(prior.mode)),
    }
    return RBFKernel(**settings) if smoothness == math.inf else MaternKernel(nu=smoothness, **settings)


def fitted(
    inputs: Float[Tensor, "L D"],
    targets: Float[Tensor, "L"],
    kernel: MakeKernel,
    *,
    noise_prior: tuple[float, float],
    max_iterations: int,
    progress: bool,
    generator: Generator,
) -> SingleTaskGP:
    """A model of standardised targets whose hyper-parameters maximise their marginal likelihood times their priors."""
    around = LogNormalPrior(*noise_prior)
    start = max(float(around.mode), 2 * SMALLEST_NOISE)
    seed = int(torch.randint(2**63 - 1, (), generator=generator))
    with seeded(seed), warnings.catch_warnings(), max_cholesky_size(len(inputs) + 1):
        warnings.simplefilter("ignore", InputDataWarning)  # other ranges than the unit cube's are in the priors
        likelihood = GaussianLikelihood(
            noise_prior=around,
            noise_constraint=_at_least(SMALLEST_NOISE, start=start),
        )
        model = SingleTaskGP(
            inputs,
            targets[:, None],
            likelihood=likelihood,
            covar_module=kernel(inputs.shape[1]),
            outcome_transform=None,
        )
        _maximise(model, max_iterations, progress)
    return model.eval()


def _maximise(model: SingleTaskGP, max_iterations: int, progress: bool) -> None:
    mll = ExactMarginalLogLikelihood(model.likelihood, model)
    with tqdm(
        desc="fitting", unit="step", leave=False, delay=SHOW_PROGRESS_AFTER, disable=None if progress else True
    ) as bar:
        settings = {"options": {"maxiter": max_iterations}, "callback": lambda *_: bar.update()}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", OptimizationWarning)  # of an attempt, which is repeated
                fit_gpytorch_mll(mll, optimizer_kwargs=settings)
        except ModelFittingError:
            warnings.warn(
                "L-BFGS found no maximum of the marginal likelihood in 5 attempts; Adam's best of "
                f"{ADAM_STEPS} steps is taken instead",
                stacklevel=4,
            )
            fit_gpytorch_mll_torch(mll.train(), step_limit=ADAM_STEPS)


def _at_least(smallest: float, *, start: float) -> GreaterThan:
    """A bound that the optimiser keeps, with no change of variable."""
    no_transform: Any = None
    return GreaterThan(smallest, transform=no_transform, initial_value=start)
