"""Methods that trade two scores against each other without a weight."""

from typing import Any

from bayesal import acquisitions
from bayesal.selection.pareto import Pareto
from bayesal.strategies.contract import Strategy
from bayesal.strategies.stack import Stack
from bayesal.views.flow import FlowDensity
from bayesal.views.in_distribution import LogDensity
from bayesal.views.near_classes import NearClasses
from bayesal.views.predictive import Predictive

CONFIDENCES = ("mahalanobis", "density", "flow")


def poal(
    confidence: str = "mahalanobis",
    num_hypotheses: int = 100,
    candidates: float | int = 6,
    draws: int | None = None,
    seeded: bool = False,
    shrinkage: float | int | None = None,
    stages: int = 1,
    perturbation: float | int = 0.0,
) -> Strategy[Any]:
    """Uncertain points that belong to the classes: a batch from the Pareto front of entropy and confidence.

    ``confidence``: "mahalanobis", how near the features are to the nearest labelled class (``views.NearClasses``, which
    takes ``shrinkage``, and for features of several depths ``stages`` and ``perturbation``); "flow", ln p(z) by a
    normalising flow on the features of what is labelled (``views.FlowDensity``); "density", ln p(x) by a belief that
    knows it (spn). ``candidates``, ``draws`` and ``seeded`` are those of ``selection.Pareto``.

    Tasks: classification. Needs: Embeds. Paper: Zhan et al. 2023.
    """
    if confidence not in CONFIDENCES:
        raise ValueError(f"confidence must be one of {', '.join(CONFIDENCES)}, but it is {confidence!r}")
    near = NearClasses(shrinkage, stages, perturbation)
    if confidence != "mahalanobis" and near != NearClasses():
        raise ValueError(f"shrinkage, stages and perturbation are of mahalanobis, but confidence is {confidence!r}")
    usual = {"mahalanobis": near, "flow": FlowDensity(), "density": LogDensity()}[confidence]
    return Stack((Predictive(acquisitions.entropy, num_hypotheses), usual), Pareto(candidates, draws, seeded))
