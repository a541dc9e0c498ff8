"""Learning an ensemble one network after the other, each away from what the earlier ones say."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import torch
from torch import Generator, Tensor, nn

from bayesal.data.pool import Pool
from bayesal.learning.examples import Examples
from bayesal.learning.losses import BinaryCrossEntropy, CrossEntropy, GaussianLoss, Loss, SquaredLoss
from bayesal.learning.minimise import minimise
from bayesal.learning.recipe import check_weights, prepare, printed
from bayesal.learning.soft import SoftCrossEntropy
from bayesal.learning.streams import Streams
from bayesal.learning.training import Training
from bayesal.numerics.divergence import Divergence, check_divergence
from bayesal.objectives.diversity import log_overlap, repulsion
from bayesal.objectives.function_norm import FunctionNorm, noise_points

MOST = 30.0  # where the exponent is cut off if distances have no bound


@dataclass(frozen=True, eq=False, repr=False)
class Greedy:
    """A learner: M new networks, one after the other, each minimising its loss + R(Ω) (Tiulpin and Blaschko, 2022).

    Ω = ln Σ_{j < m} exp(-(λ/M) d_j) is small where the network is far from all earlier ones as a function (see
    ``bayesal.objectives.diversity``): d_j = mean ‖softmax f(x̃) - softmax f_j(x̃)‖² over noise points x̃ = mean +
    ``spread`` · sd · z of the labelled points, one for each, drawn once; a step takes as many of them as of labelled
    points. Several labels a point (ours): the mean over labels of that distance between (p, 1 - p). Amounts (ours): the
    squared difference of standardised means, with λ d_j / M cut off at 30.

    ``strength`` λ: 3 is what the authors chose for one network on CIFAR-10 (1 to 5 for others, M = 11); choose it by
    the validation likelihood. Amounts need hundredths: their distances have no bound, so that with 3 it pays to give up
    the fit (RMSE 75 instead of 57 on 80 labels of diabetes, 57 with 0.03). With 0 this is an ``Ensemble`` of networks
    trained alone, to the last bit. ``num_members`` M is also the planned size in Ω. ``divergence``: the φ of D_φ, which
    decides R; by default R = Ω.
    ``wrap(networks, likelihood, strength=, divergence=, distances=)`` makes the belief: ``GreedyEnsemble``;
    ``distances`` ``M M`` are the d between members over all x̃. The rest is as in ``Supervised``: the best epoch of
    each network is that of its loss alone, without R.

    Raises ValueError as ``bayesal.learning.recipe.train`` does, if the training of any member diverges, and for points
    that are not real numbers.
    """

    network: Callable[[], nn.Module]
    wrap: Callable[..., Any]
    num_members: int = 5
    strength: float = 3.0
    divergence: Divergence = "reverse_kl"
    spread: float = 5.0
    loss: Loss = field(default_factory=CrossEntropy)
    training: Training = field(default_factory=Training)
    validation: tuple[Tensor, Tensor] | None = None
    standardise: bool = True

    def __repr__(self) -> str:
        return printed(self)

    def __post_init__(self) -> None:
        if self.num_members < 2:
            raise ValueError(f"an ensemble needs at least 2 members to disagree, but num_members is {self.num_members}")
        check_weights(self, "strength", "spread")
        check_divergence(self.divergence)

    def __call__(self, pool: Pool, generator: Generator, /) -> Any:
        """The belief of what is labelled."""
        streams = [Streams.of(generator) for _ in range(self.num_members)]
        noise = Streams.of(generator)  # drawn last: the members start as those of an Ensemble do
        values, most = compared(self.loss)
        ready = prepare(self, pool, streams)
        points = noise_points(
            ready.examples.inputs, spread=self.spread, generator=Generator().manual_seed(noise.initialisation)
        )
        norm = FunctionNorm(points, values)
        order = Generator().manual_seed(noise.order)
        size = self._batch(len(points))

        def penalty(network: nn.Module, _: Examples) -> Tensor:
            positions = torch.randperm(len(points), generator=order)[:size].to(points.device)
            overlap = log_overlap(
                norm.distances(network, positions), strength=self.strength, planned=self.num_members, most=most
            )
            return repulsion(overlap, self.divergence)

        fits = []
        for network, stream in zip(ready.networks, streams, strict=True):
            fits += minimise(
                [network],
                ready.loss,
                ready.examples,
                streams=[stream],
                training=self.training,
                validation=ready.validation,
                penalty=penalty if norm.networks else None,
            )
            norm.add(network)
        trained = ready.trained(fits)
        return self.wrap(
            trained.networks,
            trained.likelihood,
            strength=self.strength,
            divergence=self.divergence,
            distances=norm.pairwise(),
        )

    def _batch(self, num_points: int) -> int:
        """How many points a step of the training takes."""
        size = self.training.epoch_size or num_points
        return ceil(size / ceil(size / self.training.batch_size))


def compared(loss: Loss) -> tuple[Callable[[Tensor], Tensor], float]:
    """From a network's outputs to what is compared of two networks, and where λ d / M is cut off.

    Raises ValueError for a loss that does not say what the outputs mean.
    """
    match loss:
        case CrossEntropy() | SoftCrossEntropy():
            return lambda outputs: outputs.softmax(dim=-1), math.inf
        case BinaryCrossEntropy():  # ‖(p, 1 - p) - (q, 1 - q)‖² = 2 (p - q)²
            return lambda outputs: outputs.sigmoid() * math.sqrt(2 / outputs.shape[-1]), math.inf
        case GaussianLoss() | SquaredLoss():  # the first output is the mean of a standardised label
            return lambda outputs: outputs[..., :1], MOST
        case _:
            raise ValueError(
                "greedy ensembles compare class probabilities or means, so they take CrossEntropy, BinaryCrossEntropy, "
                f"GaussianLoss or SquaredLoss, but the loss is {type(loss).__name__}"
            )
