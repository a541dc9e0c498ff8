"""Methods that draw a batch from the scores of single points."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from torch import Tensor
from torch.distributions import Distribution

from bayesal import acquisitions, selection
from bayesal.strategies import Pick, Strategy
from bayesal.views import Predictive

Score: TypeAlias = Callable[[Distribution], Tensor]


def powerbald(num_hypotheses: int = 100, coldness: float = 1.0, score: Score = acquisitions.bald) -> Strategy[Any]:
    """Drawn with probability in proportion to BALD^coldness.

    ``score``: any other score that is not negative, such as ``acquisitions.margin``.

    Tasks: any. Needs: Posterior. Paper: Kirsch et al. 2023.
    """
    return Pick(Predictive(score, num_hypotheses), partial(selection.power, coldness=coldness))


def softmaxbald(num_hypotheses: int = 100, coldness: float = 8.0, score: Score = acquisitions.bald) -> Strategy[Any]:
    """Drawn with probability in proportion to exp(coldness · BALD).

    ``score``: any other; the coldness must match its scale.

    Tasks: any. Needs: Posterior. Paper: Kirsch et al. 2023.
    """
    return Pick(Predictive(score, num_hypotheses), partial(selection.softmax, coldness=coldness))


def softrankbald(num_hypotheses: int = 100, coldness: float = 1.0, score: Score = acquisitions.bald) -> Strategy[Any]:
    """Drawn with probability in proportion to (rank by BALD)^-coldness.

    ``score``: any other.

    Tasks: any. Needs: Posterior. Paper: Kirsch et al. 2023.
    """
    return Pick(Predictive(score, num_hypotheses), partial(selection.softrank, coldness=coldness))
