"""The contract of a view."""

from typing import Protocol, runtime_checkable

from torch import Generator

from bayesal.data.pool import Pool
from bayesal.types import Belief, Look


@runtime_checkable
class View(Protocol[Belief]):
    """Prepares once (draws hypotheses, embeds what is labelled), then looks at points chunk by chunk."""

    def __call__(self, belief: Belief, pool: Pool, /, *, generator: Generator) -> Look: ...
