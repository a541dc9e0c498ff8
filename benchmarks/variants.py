"""Methods with other settings, which runs of evidence take by name: ``--method benchmarks.variants:poal_flow``."""

from typing import Any

from bayesal.methods import poal
from bayesal.strategies import Strategy


def poal_stages(num_hypotheses: int = 100) -> Strategy[Any]:
    """How near the nearest class is, in the mean over four stages of the network."""
    return poal(num_hypotheses=num_hypotheses, stages=4)


def poal_perturbed(num_hypotheses: int = 100) -> Strategy[Any]:
    """The same of points that are moved a little towards it, as its authors have it."""
    return poal(num_hypotheses=num_hypotheses, stages=4, perturbation=0.01)


def poal_flow(num_hypotheses: int = 100) -> Strategy[Any]:
    """The density of a normalising flow on the last features."""
    return poal("flow", num_hypotheses)
