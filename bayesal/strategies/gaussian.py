"""Batches in closed form for Gaussian labels, from a belief's moments or from the functions it draws."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.selection.gaussian import BatchALC, BatchEPIG, JointBALD
from bayesal.strategies.contract import check_batch, grown
from bayesal.types import GreedyRule, Inputs, Kernel, Moments, Posterior, Selection
from bayesal.views.moments import known, noise_of
from bayesal.views.places import Places
from bayesal.views.samples import Samples
from bayesal.views.targets import Targets


class Known(NamedTuple):
    """What a greedy Gaussian rule is made from; what is of targets is None if there are none."""

    noise: float
    kernel: Kernel | None = None
    targets: Shaped[Tensor, "M ..."] | None = None
    target_noise: float | Float[Tensor, "M"] | None = None
    weights: Float[Tensor, "M"] | None = None


Objective = Callable[[Known], GreedyRule[Any]]


def of_the_function(known: Known) -> JointBALD:
    """Information about the whole function."""
    return JointBALD(known.noise, known.kernel)


def of_target_variance(known: Known) -> BatchALC:
    """Less variance at the targets."""
    assert known.targets is not None
    return BatchALC(known.targets, known.noise, known.weights, known.kernel)


def of_target_labels(known: Known) -> BatchEPIG:
    """Information about the labels at the targets."""
    assert known.targets is not None
    return BatchEPIG(known.targets, known.noise, known.target_noise, known.weights, known.kernel)


@dataclass(frozen=True, repr=False)
class GrowMoments:
    """The batch grows by an objective in closed form: one column of the belief's covariance a pick.

    ``noise``: the variance of a label around the function; by default the belief's own (``Noisy``).
    """

    objective: Objective
    targets: Targets | None = None
    noise: float | None = None

    __repr__ = recipe

    def __call__(self, belief: Moments, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        ids = pool.unlabelled
        check_batch(batch_size, len(ids))
        points = None if self.targets is None else self.targets(pool, generator=generator)
        places = Places(belief, pool, ids, points)
        noise = float(known(noise_of(belief, self.noise)))
        what = Known(noise, places) if points is None else Known(noise, places, places.there, noise, points.weights)
        return grown(self.objective(what), places.here, ids, batch_size, generator=generator)


@dataclass(frozen=True, repr=False)
class GrowSamples:
    """The same from the moments of K functions, which span K - 1 directions: a larger batch is noted.

    ``noise``: by default what the hypotheses say at each point, mean_k σ_k².
    """

    objective: Objective
    targets: Targets | None = None
    num_hypotheses: int = 100
    noise: float | None = None

    __repr__ = recipe

    def __call__(self, belief: Posterior, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        ids = pool.unlabelled
        check_batch(batch_size, len(ids))
        hypotheses = belief.draw(self.num_hypotheses, generator=generator)
        points = None if self.targets is None else self.targets(pool, generator=generator)
        what = Known(1.0)  # rows are in units of each point's noise
        if points is not None:
            there = Samples.at(points, hypotheses, self.noise)
            what = Known(1.0, None, there.features, there.noise, points.weights)

        @torch.no_grad()
        def look(inputs: Inputs) -> Tensor:
            return Samples.of(hypotheses(inputs), self.noise).whitened

        rows = pool.scan(look, ids, what="looking at the pool")
        selection = grown(self.objective(what), rows, ids, batch_size, generator=generator)
        return replace(selection, notes=selection.notes + _rank(rows.shape[1], batch_size))


def _rank(num_hypotheses: int, batch_size: int) -> tuple[str, ...]:
    if batch_size < num_hypotheses:
        return ()
    return (
        f"{num_hypotheses} functions span only {num_hypotheses - 1} directions, fewer than the batch of {batch_size}, "
        "so the last picks only measure again: draw more hypotheses or choose a smaller batch",
    )
