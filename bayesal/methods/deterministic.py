"""Uncertainty of the trained network itself: softmax scores without dropout or other draws."""

from typing import Any

from bayesal import acquisitions, selection
from bayesal.strategies.contract import Strategy
from bayesal.strategies.single import Pick
from bayesal.views.deterministic import Deterministic


def softmax_entropy() -> Strategy[Any]:
    """The network is most uncertain, without dropout: -Σ_c p_c ln p_c.

    Tasks: classification. Needs: Differentiable. Paper: Shannon 1948; Zhan et al. 2022.
    """
    return Pick(Deterministic(acquisitions.entropy), selection.top)


def softmax_least_confidence() -> Strategy[Any]:
    """The network's best guess is least likely, without dropout: 1 - max_c p_c.

    Tasks: classification. Needs: Differentiable. Paper: Lewis and Gale 1994; Zhan et al. 2022.
    """
    return Pick(Deterministic(acquisitions.least_confidence), selection.top)


def softmax_margin() -> Strategy[Any]:
    """The network's two best guesses are closest, without dropout: 1 - (p1 - p2).

    Tasks: classification. Needs: Differentiable. Paper: Scheffer et al. 2001; Zhan et al. 2022.
    """
    return Pick(Deterministic(acquisitions.margin), selection.top)
