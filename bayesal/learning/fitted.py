"""Learning without a network: a belief fitted on the labelled points themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Generator, nn

from bayesal.data.pool import Pool
from bayesal.learning.recipe import numbers, scale_of
from bayesal.recipe import recipe


@dataclass(frozen=True, eq=False, repr=False)
class Fitted:
    """A learner: ``fit(inputs, labels, scale=, generator=)`` on all the pool's labels, anew each time.

    ``inputs``: the labelled points as the pool gives them, ``L ...``; ``labels``: their labels, ``L``. ``scale``: a
    fixed layer, for the belief to put before everything else, that puts inputs on the scale of the pool's points in
    double precision (``nn.Identity`` with ``standardise=False``). ``fit`` is what a belief's class offers:
    ``ExactGP.fit``, ``functools.partial(DirichletGP.fit, num_classes=10)``.
    Raises ValueError if nothing is labelled, and for inputs that are not finite.
    """

    fit: Callable[..., Any]
    standardise: bool = True

    __repr__ = recipe

    def __call__(self, pool: Pool, generator: Generator, /) -> Any:
        """The belief of what is labelled."""
        if len(pool.labels) == 0:
            raise ValueError("nothing in the pool is labelled yet, so there is nothing to learn from: label a batch")
        scale = scale_of(pool) if self.standardise else nn.Identity()
        return self.fit(numbers(pool.gather(pool.labelled)), pool.targets(), scale=scale, generator=generator)
