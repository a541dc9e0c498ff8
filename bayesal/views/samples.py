"""The moments of K functions, for a belief that can only draw.

F = (μ_nk - μ̄_n) / sqrt(K - 1) are features whose inner products are the sample covariances. Their rank is K - 1: what
the K functions do not show cannot be seen in them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.distributions import Distribution, Normal

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.types import Hypotheses, Inputs, Look, Posterior
from bayesal.views.moments import Seen
from bayesal.views.targets import TargetPoints, Targets


@dataclass(frozen=True, eq=False)
class Samples:
    """Features ``N K`` of points, and the noise there: mean_k σ_k², or what the user knows better."""

    features: Float[Tensor, "N K"]
    noise: Float[Tensor, "N"]

    @classmethod
    def of(cls, predictions: Distribution, noise: float | None = None) -> "Samples":
        """Raises ValueError for predictions that are not one amount a point, and for a single hypothesis."""
        if not isinstance(predictions, Normal) or len(predictions.batch_shape) != 2:
            raise ValueError(
                "Gaussian moments are for regression with one amount a point, but the model predicts "
                f"{type(predictions).__name__} of batch shape {tuple(predictions.batch_shape)}; use epig, bald or "
                "batchbald for classes, and bald or variance for several amounts"
            )
        size = predictions.batch_shape[1]
        if size < 2:
            raise ValueError(f"a covariance of functions needs at least 2 hypotheses, but there are {size}; draw more")
        means = predictions.loc.to(torch.promote_types(predictions.loc.dtype, torch.float32))
        features = (means - means.mean(1, keepdim=True)) / (size - 1) ** 0.5
        own = predictions.scale.to(means.dtype).square().mean(1)
        return cls(features, own if noise is None else torch.full_like(own, noise))

    @classmethod
    def at(cls, points: TargetPoints, hypotheses: Hypotheses, noise: float | None = None) -> "Samples":
        """Those at target points."""

        @torch.no_grad()
        def look(inputs: Inputs) -> Tensor:
            there = cls.of(hypotheses(inputs), noise)
            return torch.cat([there.features, there.noise[:, None]], 1)

        rows = points.pool.scan(look, points.ids, what="looking at the targets")
        return cls(rows[:, :-1], rows[:, -1])

    @property
    def whitened(self) -> Float[Tensor, "N K"]:
        """Features in units of each point's own noise, whose variance is then 1 everywhere."""
        if not bool((self.noise > 0).all()):
            raise ValueError(
                f"noise is a variance and must be above 0, but the smallest is {float(self.noise.min()):.3g}; check "
                "the scale the model predicts, or give noise="
            )
        return self.features / self.noise.sqrt()[:, None]


@dataclass(frozen=True, repr=False)
class SampleScore:
    """Rows are scores: ``score(seen)`` maps the moments of K functions at n points, and at the targets, to n numbers.

    ``noise``: the variance of a label around the function; by default what the hypotheses say, mean_k σ_k².
    """

    score: Callable[[Seen], Float[Tensor, "N"]]
    targets: Targets | None = None
    num_hypotheses: int = 100
    noise: float | None = None

    __repr__ = recipe

    def __call__(self, belief: Posterior, pool: Pool, /, *, generator: Generator) -> Look:
        hypotheses = belief.draw(self.num_hypotheses, generator=generator)
        points = None if self.targets is None else self.targets(pool, generator=generator)
        there = None if points is None else Samples.at(points, hypotheses, self.noise)

        @torch.no_grad()
        def look(inputs: Inputs) -> Tensor:
            here = Samples.of(hypotheses(inputs), self.noise)
            spread = here.features.square().sum(1)
            if there is None or points is None:
                return self.score(Seen(spread, here.noise))
            covariance, target_variance = here.features @ there.features.T, there.features.square().sum(1)
            return self.score(Seen(spread, here.noise, covariance, target_variance, there.noise, points.weights))

        return look
