"""Methods that compare features with those of labelled points, and batches with as many points of each class."""

from typing import Any

from bayesal import acquisitions, selection
from bayesal.strategies import Balanced, Strategy
from bayesal.types import Rule
from bayesal.views import FeatureSim, Guessed, LastLayer, Predictive, Reconstruction

SCORES = {
    name: getattr(acquisitions, name)
    for name in ("entropy", "least_confidence", "margin", "variation_ratio", "mean_std", "bald", "balentacq")
}


def featuresim(
    num_hypotheses: int = 100, normalize: str = "labelled", classwise: bool = True, balanced: bool = True
) -> Strategy[Any]:
    """The features are least like those labelled of the guessed class: FeatureSim; SCAL with ``--posterior scal``.

    ``normalize``: the products are divided by the lengths of the "labelled" features, or of "both". ``classwise``: else
    the features are compared with all labelled ones. ``balanced``: as many of each guessed class, else the highest
    scores. Classes without a labelled example come first.

    Tasks: classification. Needs: Embeds. Paper: Krishnan et al. 2021; Khosla et al. 2020.
    """
    return Balanced(FeatureSim(normalize, classwise, LastLayer(num_hypotheses)), _rule(balanced))


def fre(
    num_hypotheses: int = 100,
    components: float | int = 0.995,
    center: bool = True,
    classwise: bool = True,
    balanced: bool = True,
) -> Strategy[Any]:
    """The principal components of the guessed class leave most of the features: feature reconstruction error (DFM).

    ``components``: the share of the variance they hold, or their number. ``center``: the class's mean is taken off
    first. ``classwise``: else the components are those of all labelled points. ``balanced``: as many of each guessed
    class, else the highest scores.

    Tasks: classification. Needs: Embeds. Paper: Krishnan et al. 2021.
    """
    return Balanced(Reconstruction(components, center, classwise, LastLayer(num_hypotheses)), _rule(balanced))


def class_balanced(num_hypotheses: int = 100, score: str = "entropy", remainder: str = "candidates") -> Strategy[Any]:
    """As many points of each guessed class, the highest of any score in each: for pools with rare classes.

    ``score``: "entropy", "least_confidence", "margin", "variation_ratio", "mean_std", "bald" or "balentacq".
    ``remainder``: places that cannot be shared equally go to the classes with most "candidates" or highest "scores".

    Tasks: classification. Needs: Posterior. Paper: Krishnan et al. 2021, for any score.
    """
    if score not in SCORES:
        raise ValueError(f"score must be one of {', '.join(SCORES)}, but it is {score!r}")
    view = Guessed(Predictive(SCORES[score], num_hypotheses), num_hypotheses)
    return Balanced(view, selection.ClassBalanced(remainder))


def _rule(balanced: bool) -> Rule:
    return selection.ClassBalanced() if balanced else selection.top
