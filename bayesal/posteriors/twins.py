"""Monte Carlo dropout of a network that was trained with Barlow Twins."""

from typing import Any

from torch import nn

from bayesal.likelihoods import Likelihood, categorical
from bayesal.posteriors.dropout import MCDropout


class TwinsDropout(MCDropout):
    """``MCDropout`` that knows how its training went.

    ``history``: the mean losses of every epoch, of labels and of Barlow Twins (``learning.TwinsHistory``).
    """

    def __init__(self, network: nn.Module, likelihood: Likelihood = categorical, *, history: Any) -> None:
        super().__init__(network, likelihood)
        self.history = history
