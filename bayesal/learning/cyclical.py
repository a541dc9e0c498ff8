"""Supervised learning in cycles of the learning rate, each of which ends in a snapshot."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Generator, Tensor, nn

from bayesal.data.pool import Pool
from bayesal.learning.losses import CrossEntropy, Loss
from bayesal.learning.minimise import minimise
from bayesal.learning.recipe import prepare
from bayesal.learning.streams import Streams
from bayesal.learning.training import Training
from bayesal.recipe import recipe


@dataclass(frozen=True)
class CosineCycles:
    """At the share t in [0, 1) of a training, ½ (1 + cos(π u)), u in [0, 1) being the share of the current cycle.

    The ``Training.schedule`` of Loshchilov and Hutter (2017): it starts each of ``num_cycles`` equal cycles at the full
    learning rate and goes down to nothing.
    """

    num_cycles: int

    def __call__(self, share: float, /) -> float:
        return (1 + math.cos(math.pi * (share * self.num_cycles % 1))) / 2


@dataclass(frozen=True, eq=False, repr=False)
class Cyclical:
    """A learner: one new network, trained once; its state at the end of every cycle is kept (Huang et al., 2017).

    The learning rate starts each of ``num_cycles`` cycles of ``cycle_epochs`` epochs at ``training.learning_rate`` and
    goes down to nothing along a cosine, so that every cycle ends in a minimum of its own: M networks for the price of
    one. It should be larger than for a single training, or a restart leads back to where it came from. ``max_epochs``,
    ``patience`` and ``schedule`` of ``training`` are set from this.

    ``wrap(network, states, likelihood)`` makes the belief: ``Snapshots``. The rest is as in ``Supervised``, without
    validation points: every cycle is run to its end. Raises ValueError for fewer than 2 cycles, and as
    ``bayesal.learning.recipe.train`` does.
    """

    network: Callable[[], nn.Module]
    wrap: Callable[..., Any]
    num_cycles: int = 5
    cycle_epochs: int = 6
    loss: Loss = field(default_factory=CrossEntropy)
    training: Training = field(default_factory=lambda: Training(learning_rate=1e-2))
    standardise: bool = True

    __repr__ = recipe

    @property
    def validation(self) -> None:
        """Nothing is held out: no cycle ends early."""

    def __post_init__(self) -> None:
        if self.num_cycles < 2:
            raise ValueError(f"snapshots need at least 2 cycles to disagree, but num_cycles is {self.num_cycles}")
        if self.cycle_epochs < 1:
            raise ValueError(f"a cycle takes at least 1 epoch, but cycle_epochs is {self.cycle_epochs}")

    def __call__(self, pool: Pool, generator: Generator, /) -> Any:
        """The belief of what is labelled."""
        streams = [Streams.of(generator)]
        ready = prepare(self, pool, streams)
        states: list[dict[str, Tensor]] = []
        prefix = "" if ready.scale is None else "network."

        def at_the_end_of_a_cycle(network: nn.Module, epoch: int) -> None:
            if (epoch + 1) % self.cycle_epochs == 0:
                states.append({prefix + name: value.clone() for name, value in network.state_dict().items()})

        training = replace(
            self.training,
            max_epochs=self.num_cycles * self.cycle_epochs,
            patience=None,
            schedule=CosineCycles(self.num_cycles),
        )
        fits = minimise(
            ready.networks,
            ready.loss,
            ready.examples,
            streams=streams,
            training=training,
            on_epoch=at_the_end_of_a_cycle,
        )
        trained = ready.trained(fits)
        return self.wrap(trained.networks[0], states, trained.likelihood)
