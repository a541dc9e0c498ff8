"""Learners that train a judge beside the network: a loss module, a discriminator, a critic."""

from dataclasses import replace
from functools import partial

from bayesal.bench.defaults import Given
from bayesal.learning import VAAL, WAAL, LossPrediction
from bayesal.learning.vaal import VAE_TRAINING
from bayesal.posteriors import JudgedNetwork


def loss_prediction(given: Given) -> LossPrediction:
    return LossPrediction(wrap=partial(JudgedNetwork.dropout, judged_by="loss-prediction"), **given.recipe())


def vaal(given: Given) -> VAAL:
    """Two steps of the autoencoder for each of the longest training of the network, up to 300."""
    usual = VAE_TRAINING.max_epochs * (VAE_TRAINING.epoch_size or 1)
    draws = min(usual, 2 * given.training.max_epochs * (given.training.epoch_size or 512))
    training = replace(VAE_TRAINING, epoch_size=-(-draws // VAE_TRAINING.max_epochs))
    return VAAL(wrap=partial(JudgedNetwork.dropout, judged_by="vaal"), vae_training=training, **given.recipe())


def waal(given: Given) -> WAAL:
    """A critic as wide as the features of the default networks: one of 512 takes five times as long as the network."""
    return WAAL(wrap=partial(JudgedNetwork.dropout, judged_by="waal"), hidden=(128, 128), **given.recipe())
