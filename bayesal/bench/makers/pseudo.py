"""Learners that also learn from labels they give themselves."""

from bayesal.bench.defaults import Given
from bayesal.bench.makers.networks import mc_dropout
from bayesal.learning.ceal import CEAL


def ceal(given: Given) -> CEAL:
    """Around MC dropout, with the paper's threshold; the answers are there to count which labels were right."""
    return CEAL(mc_dropout(given), initial=given.initial, batch_size=given.batch_size, answers=given.data.answers)
