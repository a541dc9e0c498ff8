"""Views of a belief that can say how many labels are conceivable at a point."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Int
from torch import Generator, Tensor
from torch.distributions import Categorical, Distribution

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.types import Inputs, Look, Posterior


@runtime_checkable
class Conceives(Posterior, Protocol):
    """A belief that counts the labels that are conceivable at a point, apart from which of them is likeliest."""

    def conceivable(self, inputs: Inputs, /) -> Int[Tensor, "N"]: ...


@dataclass(frozen=True, repr=False)
class Conceivable:
    """Rows are scores w(x) · ``score``, w(x) = 1 + the number of conceivable classes beyond the first.

    ``score`` maps the hypotheses' ``Categorical`` of batch shape (n, K) to n numbers of at least 0. So a point where
    three classes are conceivable counts three times; one where none is counts once.
    Raises ValueError for beliefs that do not count conceivable labels, and for those about anything but classes.
    """

    score: Callable[[Distribution], Tensor]
    num_hypotheses: int = 100

    __repr__ = recipe

    def __call__(self, belief: Posterior, pool: Pool, /, *, generator: Generator) -> Look:
        if not isinstance(belief, Conceives):
            raise ValueError(
                f"a {type(belief).__name__} does not count the labels that are conceivable at a point: use "
                "--posterior spn (SumProductNetwork), give the belief a method conceivable(inputs), or leave the "
                "weight out with conceivable=False"
            )
        hypotheses = belief.draw(self.num_hypotheses, generator=generator)

        @torch.no_grad()
        def look(inputs: Inputs) -> Tensor:
            predictions = hypotheses(inputs)
            if not isinstance(predictions, Categorical) or len(predictions.batch_shape) != 2:
                raise ValueError(
                    "conceivable labels are counted among the classes of a point, but the model predicts "
                    f"{type(predictions).__name__}; use entropy or bald"
                )
            beyond = belief.conceivable(inputs) - 1
            return self.score(predictions) * (1 + beyond.clamp_min(0))

        return look
