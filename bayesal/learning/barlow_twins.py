"""Learning with Barlow Twins: features that stay as they are when a point is seen a little differently."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Generator, Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from bayesal.data.pool import Pool
from bayesal.learning.augment import augment_for
from bayesal.learning.examples import Examples
from bayesal.learning.losses import CrossEntropy, Loss
from bayesal.learning.minimise import minimise
from bayesal.learning.recipe import Prepared, check_weights, prepare, printed
from bayesal.learning.streams import Streams, seeded
from bayesal.learning.training import Training
from bayesal.learning.unlabelled import Unlabelled
from bayesal.networks.last_layer import last_layer, outputs_and_features
from bayesal.networks.projector import Projector
from bayesal.numerics.modes import evaluating
from bayesal.objectives.barlow import WEIGHT, barlow_twins


@dataclass
class TwinsHistory:
    """For every epoch the mean loss of the labels, in nats, and the mean Barlow Twins loss, before its ``strength``."""

    labels: list[float] = field(default_factory=list)
    twins: list[float] = field(default_factory=list)
    best_epoch: int = -1
    """Whose weights were kept, counted from 0."""


@dataclass(frozen=True, eq=False, repr=False)
class BarlowTwins:
    """A learner: a new network, trained on its loss + γ · L_BT of two views of labelled and unlabelled points.

    After Mandivarapu, Camp and Estrada (2022, DALBT), who do not say how the two are weighed: ``strength`` γ and all
    that follows are choices of ours. L_BT is ``objectives.barlow_twins`` (Zbontar et al., 2021) with ``redundancy`` λ,
    of what a projector with these ``widths`` (``networks.Projector``; thrown away afterwards) makes of the features
    before the last linear layer. It grows with the last width. Each step sees the labelled points of its batch and so
    many unlabelled ones that they are ``num_points`` together, all in two views, without dropout.
    ``augment(points, generator)`` makes a view, by default ``learning.augment_for`` the points as the network takes
    them.

    ``wrap(network, likelihood, history=)`` makes the belief: ``TwinsDropout``, which keeps the ``TwinsHistory``. The
    rest is as in ``Supervised``: early stopping and the choice of the best epoch watch the loss of the labels; with
    strength 0 it is ``Supervised``, to the last bit. Raises ValueError as that does, for numbers of the wrong sign, and
    for a network that does not end in a linear layer.
    """

    network: Callable[[], nn.Module]
    wrap: Callable[..., Any]
    strength: float | int = 0.01
    redundancy: float | int = WEIGHT
    widths: tuple[int, ...] = (1024, 1024, 1024)
    num_points: int = 256
    augment: Callable[[Tensor, Generator], Tensor] | None = None
    loss: Loss = field(default_factory=CrossEntropy)
    training: Training = field(default_factory=Training)
    validation: tuple[Tensor, Tensor] | None = None
    standardise: bool = True

    def __repr__(self) -> str:
        return printed(self)

    def __post_init__(self) -> None:
        check_weights(self, "strength", "redundancy")
        if self.num_points < 2:
            raise ValueError(f"features are correlated over at least 2 points, but num_points is {self.num_points}")

    def __call__(self, pool: Pool, generator: Generator, /) -> Any:
        """The belief of what is labelled."""
        streams, own = Streams.of(generator), Streams.of(generator)  # first what an ordinary training draws
        ready = prepare(self, pool, [streams])
        twins = self._twins(pool, ready, own)
        fits = minimise(
            [twins],
            ready.loss,
            ready.examples,
            streams=[streams],
            training=self.training,
            validation=ready.validation,
            penalty=twins.penalty if self.strength else None,
            on_epoch=twins.end_epoch if self.strength else None,
        )
        history = TwinsHistory(fits[0].losses, twins.losses, fits[0].best_epoch)
        trained = ready.trained(fits)
        return self.wrap(trained.networks[0], trained.likelihood, history=history)

    def _twins(self, pool: Pool, ready: Prepared, own: Streams) -> "Twins":
        network, points = ready.networks[0], ready.examples.inputs
        head = last_layer(network, points[:2])
        layer = network.get_submodule(head)
        assert isinstance(layer, nn.Linear)
        with seeded(own.initialisation):
            projector = Projector(layer.in_features, self.widths).to(layer.weight.device, layer.weight.dtype)
        others = Unlabelled(pool, ready, max(1, self.num_points - self.training.batch_size), own.order)
        augment = augment_for(points) if self.augment is None else self.augment
        return Twins(network, head, projector, self, augment, others, Generator().manual_seed(own.noise))


class Twins(nn.Module):
    """The network itself, trained together with the projector of its features; it keeps its losses."""

    def __init__(
        self,
        network: nn.Module,
        head: str,
        projector: Projector,
        settings: BarlowTwins,
        augment: Callable[[Tensor, Generator], Tensor],
        others: Unlabelled,
        generator: Generator,
    ) -> None:
        super().__init__()
        self.network = network
        self.projector = projector
        self._head = head
        self._settings = settings
        self._augment = augment
        self._others = others
        self._generator = generator
        self._steps: list[Tensor] = []
        self.losses: list[float] = []

    def forward(self, points: Shaped[Tensor, "N ..."]) -> Float[Tensor, "N C"]:
        return self.network(points)

    def penalty(self, _: nn.Module, batch: Examples) -> Tensor:
        """γ · L_BT of these points and as many others; a point alone has nothing to be compared with: 0."""
        points = torch.cat([batch.inputs, self._others.next()]) if len(self._others) else batch.inputs
        loss = self._loss(points) if len(points) > 1 else points.new_zeros(())
        self._steps.append(loss.detach())
        return self._settings.strength * loss

    def end_epoch(self, _: nn.Module, epoch: int) -> None:
        """Keep the mean over the epoch's steps."""
        self.losses.append(float(torch.stack(self._steps).mean()))
        self._steps.clear()

    def _loss(self, points: Tensor) -> Tensor:
        first, second = (self._projected(self._augment(points, self._generator)) for _ in range(2))
        return barlow_twins(first, second, weight=self._settings.redundancy)

    def _projected(self, view: Tensor) -> Tensor:
        with evaluating(self.network, _DropoutNd):
            _, features = outputs_and_features(self.network, self._head, view)
        return self.projector(features)
