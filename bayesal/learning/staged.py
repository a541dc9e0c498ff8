"""Learning in two stages: a network, then a belief fitted on what the network makes of the labelled points."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Generator, Tensor, nn

from bayesal.data.pool import Pool
from bayesal.learning.losses import CrossEntropy, Loss
from bayesal.learning.recipe import printed, train
from bayesal.learning.streams import Streams
from bayesal.learning.training import Training


@dataclass(frozen=True, eq=False, repr=False)
class Staged:
    """A learner: a new network trained as by ``Supervised``, then ``fit(network, inputs, targets, loss=, generator=)``.

    ``fit`` gets the trained network in evaluation mode (it takes the pool's inputs as they are), the labelled inputs,
    their targets as the loss takes them, and the loss on the scale of these targets. What it returns is the belief:
    ``LastLayerLaplace.fit``, ``functools.partial(SumProductNetwork.fit, num_members=5)``.
    The other settings are those of ``Supervised``.
    """

    network: Callable[[], nn.Module]
    fit: Callable[..., Any]
    loss: Loss = field(default_factory=CrossEntropy)
    training: Training = field(default_factory=Training)
    validation: tuple[Tensor, Tensor] | None = None
    standardise: bool = True

    def __repr__(self) -> str:
        return printed(self)

    def __call__(self, pool: Pool, generator: Generator, /) -> Any:
        """The belief of what is labelled. Raises ValueError as ``bayesal.learning.recipe.train`` does."""
        trained = train(self, pool, [Streams.of(generator)])
        return self.fit(
            trained.networks[0],
            pool.gather(pool.labelled),
            trained.targets,
            loss=trained.loss,
            generator=generator,
        )
