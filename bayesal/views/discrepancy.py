"""How far what a belief says of a point moved since an earlier moment."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.distributions import Distribution, Normal

from bayesal import acquisitions
from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.types import Inputs, Look

KINDS = ("half_square", "norm", "logits")


@runtime_checkable
class Remembers(Protocol):
    """A belief that knows what it said at an earlier moment, and whether that was before any training."""

    first_cycle: bool

    def moments(self, inputs: Inputs, /) -> Distribution:
        """The label's distribution earlier and now: batch shape ``(N, 2)``."""
        ...

    def moment_outputs(self, inputs: Inputs, /) -> Float[Tensor, "N 2 ..."]:
        """The network's own outputs earlier and now."""
        ...


@dataclass(frozen=True, repr=False)
class Discrepancy:
    """Rows are scores: ½‖p_c - p_(c-1)‖² between an earlier moment and now (Huang et al., ICCV 2021).

    ``kind``: "half_square", "norm" ‖p_c - p_(c-1)‖, or "logits" ‖z_c - z_(c-1)‖; of maps the mean over their places.
    See ``acquisitions.discrepancy``. Raises ValueError for a belief without memory, and for logits of amounts.
    """

    kind: str = "half_square"

    __repr__ = recipe

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, but it is {self.kind!r}")

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> Look:
        remembering = checked(belief)
        score = self._score(remembering, pool)

        @torch.no_grad()
        def look(inputs: Inputs) -> Tensor:
            return score(inputs)

        return look

    def _score(self, belief: Remembers, pool: Pool) -> Callable[[Inputs], Tensor]:
        if self.kind != "logits":
            return lambda inputs: acquisitions.discrepancy(belief.moments(inputs), self.kind)
        with torch.no_grad():
            predictions: Any = belief.moments(pool.gather(pool.ids[:1]))
        if isinstance(getattr(predictions, "base_dist", predictions), Normal):
            raise ValueError("amounts have no logits: take kind='half_square' or 'norm', which compare their means")
        return lambda inputs: acquisitions.output_discrepancy(belief.moment_outputs(inputs))


def checked(belief: Any) -> Remembers:
    """The belief, if it has a memory; else ValueError."""
    if not isinstance(belief, Remembers):
        raise ValueError(
            f"a {type(belief).__name__} does not know what it said at an earlier moment: use --posterior tod (the "
            "learner Temporal), or TemporalNetwork(network, earlier) of a network and a checkpoint of it"
        )
    return belief
