"""Learners whose hypotheses are circuits on the features of a network."""

from dataclasses import replace
from functools import partial
from math import ceil

from bayesal.bench.defaults import Given
from bayesal.learning import Staged
from bayesal.posteriors.sum_product import ADAM, SumProductNetwork


def spn(given: Given) -> Staged:
    """No longer trained than the network itself; a class without a label yet is no news in a first round."""
    network = given.training
    steps = network.max_epochs * ceil((network.epoch_size or network.batch_size) / network.batch_size)
    epochs = min(ADAM.max_epochs, network.max_epochs)
    fit = partial(
        SumProductNetwork.fit,
        unseen="keep",
        training=replace(ADAM, max_epochs=epochs, progress=network.progress),
        least_steps=min(200, steps),
    )
    return Staged(fit=fit, **given.recipe())
