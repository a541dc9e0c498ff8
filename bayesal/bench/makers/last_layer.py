"""Learners whose hypotheses differ in their last layer."""

from bayesal.bench.defaults import Given
from bayesal.learning import Staged
from bayesal.posteriors import BayesianLastLayer, DirichletLastLayer, LastLayerLaplace


def laplace(given: Given) -> Staged:
    return Staged(fit=LastLayerLaplace.fit, **given.recipe(squared=True))


def bayesian_last_layer(given: Given) -> Staged:
    belief = BayesianLastLayer if given.kind == "regression" else DirichletLastLayer
    return Staged(fit=belief.fit, **given.recipe(squared=True))
