"""Posteriors: one file per way of being unsure. Each gives K fixed functions by ``draw``."""

from bayesal.posteriors.dropout import MCDropout as MCDropout
from bayesal.posteriors.ensemble import DeepEnsemble as DeepEnsemble
from bayesal.posteriors.network import NetworkHypotheses as NetworkHypotheses
