"""Methods for beliefs that also learn from labels they give themselves."""

from typing import Any

from bayesal import acquisitions, selection
from bayesal.strategies.contract import Strategy
from bayesal.strategies.pseudo import AfterPseudoLabels
from bayesal.strategies.single import Pick
from bayesal.views.predictive import Predictive


def ceal(method: Strategy[Any] | None = None, num_hypotheses: int = 100) -> Strategy[Any]:
    """The unsure points are asked, by any method; the sure ones the model labels for itself until the next round.

    ``method``: how points are asked, by default the most uncertain, H[y | x]; ``methods.ceal(methods.badge())``. The
    other half is the belief's learner, ``learning.CEAL``.

    Tasks: classification. Needs: Posterior (ceal). Paper: Wang et al. 2017.
    """
    if method is None:
        method = Pick(Predictive(acquisitions.entropy, num_hypotheses), selection.top)
    return AfterPseudoLabels(method)
