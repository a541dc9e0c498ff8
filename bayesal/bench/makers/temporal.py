"""The learner of temporal output discrepancy."""

from bayesal.bench.defaults import Given
from bayesal.learning import Temporal
from bayesal.posteriors import TemporalNetwork


def tod(given: Given) -> Temporal:
    return Temporal(wrap=TemporalNetwork, initial=given.initial, batch_size=given.batch_size, **given.recipe())
