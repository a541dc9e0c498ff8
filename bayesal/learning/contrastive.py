"""Learning with contrasts: points of one class are drawn together in the space of features."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Generator, Tensor, nn

from bayesal.data.pool import Pool
from bayesal.learning.augment import augment_for
from bayesal.learning.examples import Examples
from bayesal.learning.losses import CrossEntropy, Loss
from bayesal.learning.minimise import minimise
from bayesal.learning.projected import Projected, Projections, SupConLoss, projection_of
from bayesal.learning.recipe import Prepared, check_weights, prepare, printed
from bayesal.learning.streams import Streams
from bayesal.learning.training import Fit, Training
from bayesal.likelihoods import Likelihood
from bayesal.networks.last_layer import last_layer
from bayesal.objectives.supcon import supcon


@dataclass(frozen=True, eq=False, repr=False)
class Contrastive:
    """A learner: a new network whose features are trained by the supervised contrastive loss too (SCAL; Krishnan et
    al., 2021).

    ``joint`` (the default, ours): the loss of the labels + ``strength`` · the mean of ``objectives.supcon`` over two
    views of each point of a step, the features being those before the last linear layer. Else in two stages, as the
    loss was proposed: the contrastive loss alone trains all but that layer, then the loss of the labels trains that
    layer alone; each stage takes the whole of ``training``, the first watches its own loss. ``temperature``: T of the
    contrastive loss. ``projection``: the loss sees a linear map, ReLU and a linear map to so many numbers of the
    features, which is thrown away afterwards; None (the default): the features themselves, which FeatureSim compares.
    ``augment(points, generator)`` makes a view, by default ``learning.augment_for`` the points as the network takes
    them.

    The rest is as in ``Supervised``; with strength 0 it is ``Supervised``, to the last bit. The paper leaves T, the
    projection and the training of the classifier open, so these are choices of ours.
    Raises ValueError as ``bayesal.learning.recipe.train`` does, for labels that are not classes, and for a network
    that does not end in a linear layer.
    """

    network: Callable[[], nn.Module]
    wrap: Callable[[nn.Module, Likelihood], Any]
    strength: float | int = 1.0
    temperature: float | int = 0.1
    projection: int | None = None
    augment: Callable[[Tensor, Generator], Tensor] | None = None
    joint: bool = True
    loss: Loss = field(default_factory=CrossEntropy)
    training: Training = field(default_factory=Training)
    validation: tuple[Tensor, Tensor] | None = None
    standardise: bool = True

    def __repr__(self) -> str:
        return printed(self)

    def __post_init__(self) -> None:
        check_weights(self, "strength")
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"temperature must be positive, but it is {self.temperature}")
        if self.projection is not None and self.projection < 1:
            raise ValueError(f"projection must be at least 1 number, or None for none, but it is {self.projection}")

    def __call__(self, pool: Pool, generator: Generator, /) -> Any:
        """The belief of what is labelled."""
        streams, own, second = (Streams.of(generator) for _ in range(3))  # first what an ordinary training draws
        ready = prepare(self, pool, [streams])
        targets = ready.examples.targets
        if targets.ndim != 1 or targets.is_floating_point():
            raise ValueError(
                f"points are contrasted by class, but the targets are {targets.dtype} of shape {tuple(targets.shape)}; "
                "for other labels use Supervised"
            )
        projections = self._projections(ready, own)
        if self.joint:
            fits = self._jointly(ready, projections, streams)
        else:
            fits = self._in_stages(ready, projections, streams, second)
        trained = ready.trained(fits)
        return self.wrap(trained.networks[0], trained.likelihood)

    def _jointly(self, ready: Prepared, projections: Projections, streams: Streams) -> list[Fit]:
        def penalty(_: nn.Module, batch: Examples) -> Tensor:
            contrasts = supcon(projections(batch.inputs), batch.targets, temperature=self.temperature)
            return self.strength * contrasts.mean()

        return self._trained(Projected(projections), ready.loss, ready, streams, penalty if self.strength else None)

    def _in_stages(self, ready: Prepared, projections: Projections, streams: Streams, second: Streams) -> list[Fit]:
        network = ready.networks[0]
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        of_head = {id(parameter) for parameter in network.get_submodule(projections.head).parameters()}
        _freeze(trained, lambda parameter: id(parameter) in of_head)
        self._trained(projections, SupConLoss(self.temperature), ready._replace(validation=None), streams)
        _freeze(trained, lambda parameter: id(parameter) not in of_head)
        try:
            return self._trained(network, ready.loss, ready, second)
        finally:
            _freeze(trained, lambda parameter: False)

    def _trained(
        self, network: nn.Module, loss: Loss, ready: Prepared, streams: Streams, penalty: Any = None
    ) -> list[Fit]:
        return minimise(
            [network],
            loss,
            ready.examples,
            streams=[streams],
            training=self.training,
            validation=ready.validation,
            penalty=penalty,
        )

    def _projections(self, ready: Prepared, own: Streams) -> Projections:
        points, network = ready.examples.inputs, ready.networks[0]
        head = last_layer(network, points[:2])
        projection = projection_of(network.get_submodule(head), self.projection, own.initialisation)
        augment = augment_for(points) if self.augment is None else self.augment
        return Projections(network, head, projection, augment, own.order)


def _freeze(parameters: list[nn.Parameter], frozen: Callable[[nn.Parameter], bool]) -> None:
    for parameter in parameters:
        parameter.requires_grad_(not frozen(parameter))
