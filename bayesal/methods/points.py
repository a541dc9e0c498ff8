"""Methods that score points one by one and take the best."""

from typing import Any

from bayesal import acquisitions, selection
from bayesal.strategies import Blind, Pick, Strategy
from bayesal.views import Predictive


def random() -> Strategy[Any]:
    """Points chosen uniformly, without looking: what every other method must beat.

    Tasks: any. Needs: nothing. Paper: none.
    """
    return Blind(selection.random)


def entropy(num_hypotheses: int = 100) -> Strategy[Any]:
    """The label is most uncertain: H[y | x].

    Tasks: any. Needs: Posterior. Paper: Shannon 1948; Settles 2009.
    """
    return Pick(Predictive(acquisitions.entropy, num_hypotheses), selection.top)


def least_confidence(num_hypotheses: int = 100) -> Strategy[Any]:
    """The best guess is least likely: 1 - max_c p(c | x).

    Tasks: classification, multilabel, dense. Needs: Posterior. Paper: Lewis and Gale 1994; Settles 2009.
    """
    return Pick(Predictive(acquisitions.least_confidence, num_hypotheses), selection.top)


def margin(num_hypotheses: int = 100) -> Strategy[Any]:
    """The two best guesses are closest: 1 - (p1 - p2).

    Tasks: classification, multilabel, dense. Needs: Posterior. Paper: Scheffer et al. 2001; Settles 2009.
    """
    return Pick(Predictive(acquisitions.margin, num_hypotheses), selection.top)


def variation_ratio(num_hypotheses: int = 100) -> Strategy[Any]:
    """The hypotheses vote apart: 1 - (votes for the winner) / K.

    Tasks: classification, multilabel, dense. Needs: Posterior. Paper: Freeman 1965; Gal et al. 2017.
    """
    return Pick(Predictive(acquisitions.variation_ratio, num_hypotheses), selection.top)


def mean_std(num_hypotheses: int = 100) -> Strategy[Any]:
    """The probabilities spread most over hypotheses: mean_c std_k p_kc.

    Tasks: classification, multilabel, dense. Needs: Posterior. Paper: Kampffmeyer et al. 2016; Gal et al. 2017.
    """
    return Pick(Predictive(acquisitions.mean_std, num_hypotheses), selection.top)


def bald(num_hypotheses: int = 100) -> Strategy[Any]:
    """The label tells most about the model: I[y; θ | x].

    Tasks: any. Needs: Posterior. Paper: Houlsby et al. 2011; Gal et al. 2017.
    """
    return Pick(Predictive(acquisitions.bald, num_hypotheses), selection.top)


def balentacq(num_hypotheses: int = 100) -> Strategy[Any]:
    """What the label leaves open about its probabilities balances how unsure it is.

    Tasks: classification, multilabel, dense. Needs: Posterior. Paper: Woo 2023.
    """
    return Pick(Predictive(acquisitions.balentacq, num_hypotheses), selection.top)
