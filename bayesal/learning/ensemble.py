"""Supervised learning of several networks that differ in where they start and in what order they meet the points."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Generator, Tensor, nn

from bayesal.data.pool import Pool
from bayesal.learning.losses import CrossEntropy, Loss
from bayesal.learning.recipe import printed, train
from bayesal.learning.streams import Streams
from bayesal.learning.training import Training
from bayesal.likelihoods import Likelihood


@dataclass(frozen=True, eq=False, repr=False)
class Ensemble:
    """A learner: M new networks, each trained from scratch on all the pool's labels (Lakshminarayanan et al., 2017).

    ``wrap(networks, likelihood)`` makes the belief: ``DeepEnsemble``. The rest is as in ``Supervised``; each network
    stops early by itself. ``together``: see ``minimise``; by default networks are trained as one wherever that gives
    the same weights to the last bit. A network whose training diverged is left out with a warning.
    Raises ValueError as ``bayesal.learning.recipe.train`` does, for fewer than 2 networks, and if fewer are left.
    """

    network: Callable[[], nn.Module]
    wrap: Callable[[Sequence[nn.Module], Likelihood], Any]
    num_members: int = 5
    loss: Loss = field(default_factory=CrossEntropy)
    training: Training = field(default_factory=Training)
    validation: tuple[Tensor, Tensor] | None = None
    standardise: bool = True
    together: bool | None = None

    def __repr__(self) -> str:
        return printed(self)

    def __post_init__(self) -> None:
        if self.num_members < 2:
            raise ValueError(f"an ensemble needs at least 2 members to disagree, but num_members is {self.num_members}")

    def __call__(self, pool: Pool, generator: Generator, /) -> Any:
        """The belief of what is labelled."""
        streams = [Streams.of(generator) for _ in range(self.num_members)]
        trained = train(self, pool, streams, together=self.together)
        sound = [net for net, fit in zip(trained.networks, trained.fits, strict=True) if not fit.diverged]
        if len(sound) < 2:
            raise ValueError(
                f"the training of {self.num_members - len(sound)} of {self.num_members} members diverged, and an "
                f"ensemble needs 2; lower the learning rate (now {self.training.learning_rate}) or set clip_norm"
            )
        if len(sound) < self.num_members:
            warnings.warn(
                f"the training of {self.num_members - len(sound)} of {self.num_members} members diverged; "
                f"the ensemble has the other {len(sound)}",
                RuntimeWarning,
                stacklevel=2,
            )
        return self.wrap(sound, trained.likelihood)
