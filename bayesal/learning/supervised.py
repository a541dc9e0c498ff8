"""Supervised learning of one network."""

from collections.abc import Callable
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
class Supervised:
    """A learner: a new network, trained from scratch on all the pool's labels each time, and wrapped as a belief.

    ``network()`` makes the network: ``functools.partial(MLP, 64, 10)``. ``wrap(network, likelihood)`` makes the belief:
    ``MCDropout``. ``loss``: ``CrossEntropy()`` for classes (default), ``GaussianLoss()`` for amounts,
    ``BinaryCrossEntropy()`` for several labels a point. ``validation``: inputs and labels that early stopping watches
    (see ``Training`` for what it watches without). ``standardise``: put the inputs on the scale of the pool's points
    by a fixed first layer, which goes into the belief; amounts are standardised inside the loss, and predicted in
    their own units. Both make the defaults fit data of any scale.

    The same generator seed gives the same weights, to the last bit on one kind of CPU and number of threads.
    """

    network: Callable[[], nn.Module]
    wrap: Callable[[nn.Module, Likelihood], Any]
    loss: Loss = field(default_factory=CrossEntropy)
    training: Training = field(default_factory=Training)
    validation: tuple[Tensor, Tensor] | None = None
    standardise: bool = True

    def __repr__(self) -> str:
        return printed(self)

    def __call__(self, pool: Pool, generator: Generator, /) -> Any:
        """The belief of what is labelled. Raises ValueError as ``bayesal.learning.recipe.train`` does."""
        trained = train(self, pool, [Streams.of(generator)])
        return self.wrap(trained.networks[0], trained.likelihood)
