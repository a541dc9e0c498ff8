"""Learners whose hypotheses are whole networks."""

from bayesal.bench.defaults import Given
from bayesal.learning import Ensemble, Greedy, Supervised
from bayesal.posteriors import DeepEnsemble, GreedyEnsemble, MCDropout


def mc_dropout(given: Given) -> Supervised:
    return Supervised(wrap=MCDropout, **given.recipe())


def ensemble(given: Given) -> Ensemble:
    return Ensemble(wrap=DeepEnsemble, **given.recipe())


def greedy_ensemble(given: Given) -> Greedy:
    return Greedy(wrap=GreedyEnsemble, **given.recipe())
