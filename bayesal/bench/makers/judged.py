"""Learners that train a judge beside the network: a loss module, a discriminator, a critic."""

from functools import partial

from bayesal.bench.defaults import Given
from bayesal.learning import VAAL, WAAL, LossPrediction
from bayesal.posteriors import JudgedNetwork


def loss_prediction(given: Given) -> LossPrediction:
    return LossPrediction(wrap=partial(JudgedNetwork.dropout, judged_by="loss-prediction"), **given.recipe())


def vaal(given: Given) -> VAAL:
    return VAAL(wrap=partial(JudgedNetwork.dropout, judged_by="vaal"), **given.recipe())


def waal(given: Given) -> WAAL:
    return WAAL(wrap=partial(JudgedNetwork.dropout, judged_by="waal"), **given.recipe())
