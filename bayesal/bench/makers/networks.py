"""Learners whose hypotheses are whole networks."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from bayesal.bench.defaults import Given
from bayesal.learning import Cyclical, Ensemble, Greedy, Staged, Supervised
from bayesal.networks import DropConnected
from bayesal.posteriors import (
    SGMCMC,
    SWAG,
    DeepEnsemble,
    DropConnect,
    GreedyEnsemble,
    Langevin,
    MCDropout,
    Snapshots,
)
from bayesal.posteriors.swag import WALK

HIGHER = 3  # times the learning rate of one training: a restart has to lead elsewhere
CYCLE = 6  # epochs: five cycles of digits, 30 epochs, take as long as one training of the protocol for images


def mc_dropout(given: Given) -> Supervised:
    return Supervised(wrap=MCDropout, **given.recipe())


def ensemble(given: Given) -> Ensemble:
    return Ensemble(wrap=DeepEnsemble, **given.recipe())


def greedy_ensemble(given: Given) -> Greedy:
    strength = 0.01 if given.kind == "regression" else 3.0  # distances between amounts have no bound
    return Greedy(wrap=GreedyEnsemble, strength=strength, **given.recipe())


def swag(given: Given) -> Staged:
    """As many epochs more as trained before, up to 20, at a constant rate."""
    walk = replace(
        WALK,
        batch_size=given.training.batch_size,
        epoch_size=given.training.epoch_size,
        max_epochs=max(2, min(WALK.max_epochs, given.training.max_epochs)),
        progress=given.training.progress,
    )
    return Staged(fit=partial(SWAG.fit, training=walk), **given.recipe())


def snapshots(given: Given) -> Cyclical:
    recipe = {name: part for name, part in given.recipe().items() if name != "validation"}
    recipe["training"] = replace(given.training, learning_rate=HIGHER * given.training.learning_rate)
    return Cyclical(wrap=Snapshots, cycle_epochs=min(CYCLE, given.training.max_epochs), **recipe)


def sgmcmc(given: Given) -> Staged:
    """50 times ``thinning`` steps: 1000 of them, unless the training itself is a short one.

    Steps are longer for classes, where the loss bends no more than the logits: of amounts a network can be far too
    sure at a handful of labels, which throws a chain of such steps off.
    """
    draws = given.training.max_epochs * (given.training.epoch_size or 512)
    thinning = max(1, min(Langevin.thinning, draws // 512))
    chain = Langevin(burn_in=20 * thinning, thinning=thinning, progress=given.training.progress)
    scale = 1.0
    if given.kind != "regression":
        chain, scale = replace(chain, learning_rate=0.3, friction=0.1), 2.0
    return Staged(fit=partial(SGMCMC.fit, chain=chain, prior_scale=scale), **given.recipe())


def dropconnect(given: Given) -> Supervised:
    recipe = given.recipe()
    return Supervised(wrap=DropConnect, **{**recipe, "network": partial(_connected, recipe["network"])})


def _connected(make: Callable[[], nn.Module]) -> nn.Module:
    """The network with the connections of its linear layers dropped in place of units."""
    network = make()
    for module in network.modules():
        if isinstance(module, _DropoutNd):
            module.p = 0.0
    linear = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    return DropConnected(network, layers=linear)
