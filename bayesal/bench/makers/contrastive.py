"""The learner whose features are trained by contrasts."""

from bayesal.bench.defaults import Given
from bayesal.learning import Contrastive
from bayesal.posteriors import MCDropout


def scal(given: Given) -> Contrastive:
    return Contrastive(wrap=MCDropout, **given.recipe())
