"""Learners of Gaussian processes."""

from functools import partial

from bayesal.bench.defaults import Given
from bayesal.learning import Fitted
from bayesal.posteriors.gp import ExactGP


def gp(given: Given) -> Fitted:
    """Exact regression on the points as they are."""
    return Fitted(fit=partial(ExactGP.fit, progress=given.training.progress), standardise=given.standardise)
