"""Learners of Bayesian neural networks in Pyro."""

from functools import partial
from math import ceil

import numpy as np
from torch import nn

from bayesal.bench.defaults import Given, loss_for, point_shape
from bayesal.learning import Staged
from bayesal.posteriors.bnn import BayesianNetwork

STEPS = 10  # of variational inference for each step of the training it starts from: it also has widths to learn
MOST_STEPS = 2_000
HIDDEN = 16  # units of the network whose weights are sampled
LARGEST_SIDE = 8  # of the images it sees
FULL_EPOCHS = 8  # a run of fewer is there to see that things work, and gets a chain that is as short


def svi(given: Given) -> Staged:
    """The default network with a mean-field Gaussian over all its weights."""
    training = given.training
    steps = training.max_epochs * ceil((training.epoch_size or 1_000) / training.batch_size)
    fit = partial(
        BayesianNetwork.by_svi, num_steps=min(MOST_STEPS, STEPS * steps), batch_size=given.training.batch_size
    )
    return Staged(fit=fit, **given.recipe(squared=True))


def nuts(given: Given) -> Staged:
    """One small hidden layer, its weights sampled; images are averaged down to 8 x 8 pixels first."""
    if given.training.max_epochs < FULL_EPOCHS:  # a warm-up of fewer than 20 steps adapts nothing it cannot know
        fit = partial(BayesianNetwork.by_nuts, num_samples=12, warmup=10, num_chains=1, max_tree_depth=4)
    else:
        fit = partial(BayesianNetwork.by_nuts)
    recipe = given.recipe(squared=True)
    shape, outputs = point_shape(given.data), max(1, given.num_classes)
    recipe["network"] = partial(small_network, shape if given.data.image else (int(np.prod(shape)),), outputs)
    recipe["loss"] = loss_for(given.data, squared=True)
    return Staged(fit=fit, **recipe)


def small_network(shape: tuple[int, ...], outputs: int) -> nn.Module:
    """Linear, tanh, linear: smooth, as Hamiltonian dynamics need it."""
    if len(shape) != 3:
        return nn.Sequential(nn.Flatten(), nn.Linear(shape[0], HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, outputs))
    channels, *sides = shape
    rows, columns = (min(side, LARGEST_SIDE) for side in sides)
    return nn.Sequential(
        nn.AdaptiveAvgPool2d((rows, columns)),
        nn.Flatten(),
        nn.Linear(channels * rows * columns, HIDDEN),
        nn.Tanh(),
        nn.Linear(HIDDEN, outputs),
    )
