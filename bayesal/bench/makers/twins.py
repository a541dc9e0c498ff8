"""The learner whose features are trained by Barlow Twins."""

from bayesal.bench.defaults import Given
from bayesal.learning import BarlowTwins
from bayesal.posteriors import TwinsDropout


def barlow_twins(given: Given) -> BarlowTwins:
    return BarlowTwins(wrap=TwinsDropout, **given.recipe())
