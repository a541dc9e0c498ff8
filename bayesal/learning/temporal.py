"""Learning in cycles of labels: a network is trained on what was known earlier, then goes on with all that is known."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor, nn

from bayesal.data.pool import Pool
from bayesal.learning.examples import Examples
from bayesal.learning.losses import CrossEntropy, Loss
from bayesal.learning.minimise import minimise
from bayesal.learning.recipe import Prepared, prepare, printed
from bayesal.learning.streams import Streams
from bayesal.learning.training import Fit, Training
from bayesal.learning.two_heads import TwoHeaded
from bayesal.learning.unlabelled import Unlabelled
from bayesal.objectives.temporal import MovingAverage, consistency


@dataclass(frozen=True, eq=False, repr=False)
class Temporal:
    """A learner: a network as it was a batch of labels ago, and as it is now (TOD, Huang et al., ICCV 2021).

    It keeps nothing between calls, so it replays the past: one new network is trained on the labels that were known
    ``replayed`` batches ago (all but the last ``batch_size`` of them each; never fewer than the ``initial`` ones), then
    goes on from these weights with a batch more, up to all labels. Each cycle is a training of its own, from the
    optimiser to early stopping: **one call costs ``replayed`` + 1 trainings**, and a number as large as that of the
    rounds so far is the authors' protocol, in which weights are carried over from the first labels on.
    The earlier moment is the end of the last cycle but one; where no more than the initial labels are known, it is the
    network before any training.

    ``weight`` λ: that of the unsupervised loss, MSE(z, c) + MSE(c, e) of labelled and as much of unlabelled points, for
    outputs z, outputs c of a second head on the same features, and outputs e of the average of the network's weights
    over the steps of the cycle (see ``bayesal.objectives.temporal``). The authors had 0.005 to 0.1. At 0 nothing but
    the labels is learned from: COD without the loss, the "task-only" variant, and about three times faster. What counts
    as unlabelled is what is so now, in the replayed cycles too.

    ``wrap(network, earlier, likelihood, first_cycle=)`` makes the belief: ``TemporalNetwork``. The rest is as in
    ``Supervised``; inputs and amounts are on one scale in all cycles. Raises ValueError as ``Supervised`` does, and for
    a network that does not end in a linear layer or a convolution, if λ is above 0.
    """

    network: Callable[[], nn.Module]
    wrap: Callable[..., Any]
    initial: int
    batch_size: int
    weight: float = 0.05
    replayed: int = 1
    loss: Loss = field(default_factory=CrossEntropy)
    training: Training = field(default_factory=Training)
    validation: tuple[Tensor, Tensor] | None = None
    standardise: bool = True

    def __post_init__(self) -> None:
        if self.initial < 1 or self.batch_size < 1 or self.replayed < 1:
            raise ValueError(
                f"initial, batch_size and replayed must be at least 1, but they are {self.initial}, {self.batch_size} "
                f"and {self.replayed}"
            )
        if not self.weight >= 0:
            raise ValueError(f"the weight of the unsupervised loss must not be negative, but it is {self.weight}")

    def __repr__(self) -> str:
        return printed(self)

    def __call__(self, pool: Pool, generator: Generator, /) -> Any:
        """The belief of what is labelled, and of what it was before."""
        ready = prepare(self, pool, [Streams.of(generator)])
        drawn = Streams.of(generator)
        network = ready.networks[0]
        unlabelled = Unlabelled(pool, ready, self.training.batch_size, drawn.order)
        two = TwoHeaded(network, ready.examples.inputs[:2], drawn.initialisation) if self.weight > 0 else None
        sizes = self.cycles(len(ready.examples))
        earlier, fits = _values(network), []
        for size in sizes:
            if size != sizes[0]:
                earlier = _values(network)
            fits += self._cycle(two or network, ready, size, unlabelled, Streams.of(generator))
        prefix = "" if ready.scale is None else "network."
        before = {prefix + name: value for name, value in earlier.items()}
        trained = ready.trained(fits)
        return self.wrap(trained.networks[0], before, trained.likelihood, first_cycle=len(sizes) == 1)

    def cycles(self, num_labels: int) -> list[int]:
        """How many labels each cycle has, the last of them all."""
        ago = range(self.replayed, -1, -1)
        floor = min(self.initial, num_labels)
        return sorted({max(num_labels - batches * self.batch_size, floor) for batches in ago})

    def _cycle(
        self, network: nn.Module, ready: Prepared, size: int, unlabelled: Unlabelled, streams: Streams
    ) -> list[Fit]:
        """Train on the first labels, from where the network stands; the average of its weights starts there too."""
        examples = Examples(ready.examples.inputs[:size], ready.examples.targets[:size])
        extra: dict[str, Any] = {}
        if isinstance(network, TwoHeaded):
            average = MovingAverage(network.network)
            average.network.train()

            def penalty(_: nn.Module, batch: Examples) -> Tensor:
                assert network.seen is not None  # the labelled points have just gone through it
                total = _agreement(network.seen, average, batch.inputs)
                if len(unlabelled):
                    points = unlabelled.next()
                    network(points)
                    total = total + _agreement(network.seen, average, points)
                network.seen = None
                return self.weight * total

            extra = {"penalty": penalty, "on_step": lambda _: average.step(network.network)}
        return minimise(
            [network],
            ready.loss,
            examples,
            streams=[streams],
            training=self.training,
            validation=ready.validation,
            **extra,
        )


def _agreement(seen: tuple[Tensor, Tensor], average: MovingAverage, points: Tensor) -> Tensor:
    with torch.no_grad():
        averaged = average.network(points)
    return consistency(*seen, averaged)


def _values(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
