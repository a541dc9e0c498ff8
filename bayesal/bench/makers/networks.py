"""Learners whose hypotheses are whole networks."""

from bayesal.bench.defaults import Given
from bayesal.learning import Ensemble, Supervised
from bayesal.posteriors import DeepEnsemble, MCDropout


def mc_dropout(given: Given) -> Supervised:
    return Supervised(wrap=MCDropout, **given.recipe())


def ensemble(given: Given) -> Ensemble:
    return Ensemble(wrap=DeepEnsemble, **given.recipe())
