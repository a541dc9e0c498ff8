"""One method, said in two ways: which one depends on the belief."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator
from torch.distributions import Normal

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.strategies.contract import Strategy
from bayesal.types import Moments, Noisy, Posterior, Selection


@dataclass(frozen=True, repr=False)
class Either:
    """``closed`` for a belief whose moments are those of Gaussian labels, else ``sampled``.

    That is a belief with ``Moments`` whose noise is known, its own (``Noisy``) or given here, or that cannot draw.
    """

    closed: Strategy[Any]
    sampled: Strategy[Any]
    noise: float | None = None

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        gaussian = self.noise is not None or isinstance(belief, Noisy) or not isinstance(belief, Posterior)
        if isinstance(belief, Moments) and gaussian:
            return self.closed(belief, pool, batch_size, generator=generator)
        if isinstance(belief, Posterior):
            return self.sampled(belief, pool, batch_size, generator=generator)
        raise ValueError(
            f"this method needs a belief with moments (mean, covariance) or one that draws functions (draw), but "
            f"{type(belief).__name__} has neither"
        )


@dataclass(frozen=True, repr=False)
class ByTask:
    """``amounts`` where the belief predicts one amount a point (Normal), else ``others``; one point is looked at."""

    others: Strategy[Any]
    amounts: Strategy[Any]

    __repr__ = recipe

    def __call__(self, belief: Posterior, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        with torch.no_grad():
            probe = belief.draw(1, generator=Generator().manual_seed(0))(pool.gather(pool.ids[:1]))
        chosen = self.amounts if isinstance(probe, Normal) and len(probe.batch_shape) == 2 else self.others
        return chosen(belief, pool, batch_size, generator=generator)
