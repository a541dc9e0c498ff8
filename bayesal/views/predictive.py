"""Views of what the hypotheses predict."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.distributions import Categorical, Distribution

from bayesal.data.pool import Pool
from bayesal.numerics.classes import log_probabilities
from bayesal.recipe import recipe
from bayesal.types import Inputs, Look, Posterior


@dataclass(frozen=True, repr=False)
class Predictive:
    """Rows are scores: ``score`` maps the hypotheses' distribution of batch shape (n, K) to n numbers."""

    score: Callable[[Distribution], Tensor]
    num_hypotheses: int = 100

    __repr__ = recipe

    def __call__(self, belief: Posterior, pool: Pool, /, *, generator: Generator) -> Look:
        hypotheses = belief.draw(self.num_hypotheses, generator=generator)

        @torch.no_grad()
        def look(inputs: Inputs) -> Tensor:
            return self.score(hypotheses(inputs))

        return look


@dataclass(frozen=True, repr=False)
class Predictions:
    """Rows are what joint rules need: log-probabilities ``n K C`` of the same K functions at every point."""

    num_hypotheses: int = 100

    __repr__ = recipe

    def __call__(self, belief: Posterior, pool: Pool, /, *, generator: Generator) -> Look:
        return Predictive(class_log_probabilities, self.num_hypotheses)(belief, pool, generator=generator)


def class_log_probabilities(predictions: Distribution) -> Tensor:
    """Log-probabilities ``n K C``, of the same precision as the predictions. Raises ValueError for other tasks.

    Not ``predictions.logits``: those of probabilities round zeros up, and those in half precision do not sum to 1.
    """
    if not isinstance(predictions, Categorical):
        raise ValueError(
            f"joint label configurations need classes, but the model predicts {type(predictions).__name__}; "
            "for other tasks choose points one by one: methods.bald(), methods.entropy(), methods.powerbald()"
        )
    given = predictions.probs if "probs" in vars(predictions) else predictions.logits
    return log_probabilities(predictions, slice(None)).to(given.dtype)
