"""Methods for beliefs that know the density of each class."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.distributions import Distribution

from bayesal import acquisitions, selection
from bayesal.strategies import Pick, Strategy
from bayesal.views import Conceivable, Predictive


def spn_entropy(num_hypotheses: int = 100, conceivable: bool = True) -> Strategy[Any]:
    """The label is most uncertain, and several are conceivable: w(x) · H[y | x].

    w(x) = 1 + the number of classes beyond the first whose density at x is that of their own points. The weight is our
    definition: the paper's is not known to us. ``conceivable=False`` leaves it out.

    Tasks: classification. Needs: Posterior that counts conceivable labels (spn). Paper: Khosravani and Zilles 2024.
    """
    return Pick(_weighed(acquisitions.entropy, num_hypotheses, conceivable), selection.top)


def spn_variation_ratio(num_hypotheses: int = 100, conceivable: bool = True) -> Strategy[Any]:
    """The best guess is least likely, and several are conceivable: w(x) · (1 - max_c p(c | x)).

    The settings are those of ``spn_entropy``.

    Tasks: classification. Needs: Posterior that counts conceivable labels (spn). Paper: Khosravani and Zilles 2024.
    """
    return Pick(_weighed(acquisitions.least_confidence, num_hypotheses, conceivable), selection.top)


def _weighed(score: Callable[[Distribution], Tensor], num_hypotheses: int, conceivable: bool) -> Any:
    return Conceivable(score, num_hypotheses) if conceivable else Predictive(score, num_hypotheses)
