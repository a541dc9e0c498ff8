"""Learners of Gaussian processes."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor, nn

from bayesal.bench.defaults import LARGEST_SIDE, Given, network_for, point_shape
from bayesal.learning import Fitted, Staged
from bayesal.networks import ResidualMLP, soft_spectral_norm
from bayesal.posteriors.deep_kernel_gp import DeepKernelGP
from bayesal.posteriors.dirichlet_gp import DirichletGP
from bayesal.posteriors.fully_bayesian_gp import FullyBayesianGP
from bayesal.posteriors.gp import ExactGP
from bayesal.posteriors.variational_gp import VariationalGP

TABLE_NOISE = (
    -1.0,
    1.0,
)  # of ln noise: labels of tables are noisy, and BoTorch's prior takes their noise for structure
FULL_EPOCHS = 8  # a run of fewer is there to see that things work, and gets a chain that is as short
STEPS_AN_EPOCH = 20  # of an evidence bound, where a network would take an epoch
MAX_OWN_LENGTHS = 20  # columns of a table whose relevance some dozens of amounts can tell apart
BOUND = 3.0  # of the layers below a deep kernel


def gp(given: Given) -> Fitted:
    """Exact regression on the points as they are."""
    fit = partial(ExactGP.fit, noise_prior=TABLE_NOISE, progress=given.training.progress)
    return Fitted(fit=fit, standardise=given.standardise)


def fully_bayesian_gp(given: Given) -> Fitted:
    """Exact regression with its hyper-parameters sampled."""
    short = {"num_samples": 8, "warmup": 8, "num_chains": 1, "thinning": 2, "max_tree_depth": 4}
    settings = short if given.training.max_epochs < FULL_EPOCHS else {}
    return Fitted(fit=partial(FullyBayesianGP.fit, **settings), standardise=given.standardise)


def variational_gp(given: Given) -> Fitted:
    """Inducing points among the points as they are; columns have length-scales of their own in small tables of amounts,
    where one number a label says something of each."""
    shape, amounts = point_shape(given.data), given.kind == "regression"
    fit = partial(
        VariationalGP.fit,
        num_classes=None if amounts else given.num_classes,
        ard=amounts and len(shape) == 1 and shape[0] <= MAX_OWN_LENGTHS,
        num_steps=_steps(given),
    )
    return Fitted(fit=_of_small_images(fit, given), standardise=given.standardise)


def dirichlet_gp(given: Given) -> Fitted:
    """Exact processes of the points as they are."""
    fit = partial(DirichletGP.fit, num_classes=given.num_classes)
    return Fitted(fit=_of_small_images(fit, given), standardise=given.standardise)


def deep_kernel_gp(given: Given) -> Staged:
    """A process of the features of the default network for images, of a residual one for tables; both are bounded."""
    shape = point_shape(given.data)
    network: Callable[[], nn.Module] = given.network or network_for(given.data, squared=True)
    if given.network is None and not given.data.image:
        outputs = 1 if given.kind == "regression" else given.num_classes
        network = partial(ResidualMLP, math.prod(shape), outputs)
    recipe = {**given.recipe(squared=True), "network": partial(_bounded, network, shape)}
    return Staged(fit=partial(DeepKernelGP.fit, num_steps=_steps(given)), **recipe)


def _of_small_images(fit: Callable[..., Any], given: Given) -> Callable[..., Any]:
    """On large images averaged down, as the default networks see them."""
    large = given.data.image and max(point_shape(given.data)[1:]) > LARGEST_SIDE
    return partial(_averaged_down, fit) if large else fit


def _averaged_down(
    fit: Callable[..., Any], inputs: Tensor, labels: Tensor, *, scale: nn.Module, generator: Generator
) -> Any:
    smaller = nn.Sequential(scale, nn.AdaptiveAvgPool2d(LARGEST_SIDE))
    return fit(inputs, labels, scale=smaller, generator=generator)


def _bounded(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> nn.Module:
    return soft_spectral_norm(make(), BOUND, points=torch.zeros(1, *shape))


def _steps(given: Given) -> int:
    return STEPS_AN_EPOCH * min(given.training.max_epochs, 20)
