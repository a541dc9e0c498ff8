"""Learners of Bayesian neural networks in Pyro."""

from functools import partial
from math import ceil, prod
from typing import Any

from torch import nn

from bayesal.bench.defaults import Given, point_shape
from bayesal.learning import Staged
from bayesal.posteriors.bnn import BayesianNetwork
from bayesal.posteriors.pyro_models.weight_prior import Prior

HIDDEN = 16  # units: with more weights than labels can inform, a mean-field posterior falls back to the prior
LARGEST_SIDE = 8  # of the images it sees
STEPS = 10  # of variational inference for each step of the training it starts from: it also has widths to learn
MOST_STEPS = 1_500
FULL_EPOCHS = 8  # a run of fewer is there to see that things work, and gets a chain that is as short


def svi(given: Given) -> Staged:
    """One small hidden layer with a mean-field Gaussian over its weights."""
    training = given.training
    steps = training.max_epochs * ceil((training.epoch_size or 1_000) / training.batch_size)
    num_steps = min(MOST_STEPS, STEPS * steps)
    fit = partial(
        BayesianNetwork.by_svi, prior=_prior(given), num_steps=num_steps, batch_size=given.training.batch_size
    )
    return Staged(fit=fit, **_recipe(given))


def nuts(given: Given) -> Staged:
    """The same network, its weights sampled."""
    fit = partial(BayesianNetwork.by_nuts, prior=_prior(given))
    if given.training.max_epochs < FULL_EPOCHS:  # with fewer than 20 steps of warm-up Pyro adapts no mass matrix
        fit = partial(fit, num_samples=10, warmup=8, num_chains=1, max_tree_depth=3)
    return Staged(fit=fit, **_recipe(given))


def small_network(shape: tuple[int, ...], outputs: int) -> nn.Module:
    """Linear, tanh, linear: smooth, as Hamiltonian dynamics need it. Images are averaged down to 8 x 8 pixels first."""
    layers: list[nn.Module] = [nn.Flatten()]
    if len(shape) == 3:
        channels, *sides = shape
        rows, columns = (min(side, LARGEST_SIDE) for side in sides)
        layers.insert(0, nn.AdaptiveAvgPool2d((rows, columns)))
        shape = (channels, rows, columns)
    return nn.Sequential(*layers, nn.Linear(prod(shape), HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, outputs))


def _prior(given: Given) -> Prior:
    """Classes need logits of several units; standardised amounts are about 1."""
    return Prior(scale=1.0 if given.kind == "regression" else 4.0)


def _recipe(given: Given) -> dict[str, Any]:
    shape = point_shape(given.data)
    network = partial(small_network, shape if given.data.image else (prod(shape),), max(1, given.num_classes))
    return {**given.recipe(squared=True), "network": network}
