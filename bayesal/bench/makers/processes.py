"""Learners of Gaussian processes."""

from functools import partial

from bayesal.bench.defaults import Given
from bayesal.learning import Fitted
from bayesal.posteriors.fully_bayesian_gp import FullyBayesianGP
from bayesal.posteriors.gp import ExactGP

FULL_EPOCHS = 8  # a run of fewer is there to see that things work, and gets a chain that is as short


def gp(given: Given) -> Fitted:
    """Exact regression on the points as they are."""
    return Fitted(fit=partial(ExactGP.fit, progress=given.training.progress), standardise=given.standardise)


def fully_bayesian_gp(given: Given) -> Fitted:
    """Exact regression with its hyper-parameters sampled."""
    fit = partial(FullyBayesianGP.fit)
    if given.training.max_epochs < FULL_EPOCHS:
        fit = partial(fit, num_samples=8, warmup=8, num_chains=1, thinning=2, max_tree_depth=4)
    return Fitted(fit=fit, standardise=given.standardise)
