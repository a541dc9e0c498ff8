"""Hypotheses in pairs."""

from dataclasses import dataclass
from typing import Any

from torch import Generator
from torch.distributions import Categorical, Distribution

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.strategies.contract import Strategy
from bayesal.types import Hypotheses, Inputs, Posterior, Selection
from bayesal.views.predictive import class_log_probabilities


@dataclass(frozen=True, repr=False)
class Paired:
    """``strategy`` of a belief whose draws are even: of an odd number of members, the last has no partner and is left
    out. For beliefs about classes."""

    strategy: Strategy[Any]

    __repr__ = recipe

    def __call__(self, belief: Posterior, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        return self.strategy(Even(belief), pool, batch_size, generator=generator)


@dataclass(frozen=True, eq=False)
class Even:
    """A posterior whose draws are an even number of hypotheses."""

    belief: Posterior

    def draw(self, num_hypotheses: int, *, generator: Generator) -> Hypotheses:
        hypotheses = self.belief.draw(num_hypotheses, generator=generator)

        def even(inputs: Inputs, /) -> Distribution:
            predictions = hypotheses(inputs)
            number = predictions.batch_shape[1]
            if number % 2 == 0 or number == 1:  # one alone is refused where it is to be paired
                return predictions
            return Categorical(logits=class_log_probabilities(predictions)[:, : number - 1], validate_args=False)

        return even
