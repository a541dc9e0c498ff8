"""Features from points alone: an encoder trained by Barlow Twins, without any label."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from bayesal.learning.distort import distort_for
from bayesal.learning.examples import Examples
from bayesal.learning.minimise import minimise
from bayesal.learning.own_loss import OwnLoss
from bayesal.learning.streams import Streams, seeded
from bayesal.learning.training import Training
from bayesal.networks.encoders import encoder_for
from bayesal.networks.projector import Projector
from bayesal.objectives.barlow import barlow_twins

REDUNDANCY = 0.02  # λ: with some hundred features rather than thousands it has to count for more than in the paper
STEPS = 50  # of the optimiser in an epoch, whatever the number of points


def warm_cosine(share: float) -> float:
    """Up over the first hundredth of a training, then down to nothing along a cosine."""
    return min(1.0, (share + 1e-3) / 0.01) * (1 + math.cos(math.pi * share)) / 2


TWINS = Training(
    learning_rate=3e-3,
    weight_decay=1e-4,
    batch_size=64,
    epoch_size=64 * STEPS,
    max_epochs=30,
    patience=None,
    schedule=warm_cosine,
    progress=False,
)
"""1500 steps of 64 points: as many for a large pool as for a small one, half a minute or so for images on one core."""


class TwinViews(nn.Module):
    """Points to the Barlow Twins loss of two views of them, said once for each point: ``N ...`` to ``N 1``."""

    def __init__(
        self,
        encoder: nn.Module,
        projector: nn.Module,
        augment: Callable[[Tensor, Generator], Tensor],
        redundancy: float,
        seed: int,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = projector
        self._augment = augment
        self._redundancy = redundancy
        self._generator = Generator().manual_seed(seed)

    def forward(self, points: Float[Tensor, "N ..."]) -> Float[Tensor, "N 1"]:
        first, second = (self.projector(self.encoder(self._augment(points, self._generator))) for _ in range(2))
        return barlow_twins(first, second, weight=self._redundancy).expand(len(points), 1)


@dataclass(frozen=True)
class SelfTaught:
    """``self_taught(points, generator)``: an encoder of points like these, in evaluation mode, and no longer trained.

    Trained by Barlow Twins (Zbontar et al., 2021; ``objectives.barlow_twins`` with ``redundancy`` λ) on two views of
    each of these points, which ``augment(points, generator)`` makes: by default images are turned, stretched, slanted
    and moved (``Distort``), and of tables some numbers are masked. ``encoder(points)`` makes the network, ``N ...`` to
    ``N D``: by default ``networks.encoder_for`` them. ``widths`` of the projector, which is thrown away.

    Points ``N ...`` are standardised and real; without two of them nothing is trained. The generator is all the
    randomness.
    """

    redundancy: float | int = REDUNDANCY
    widths: tuple[int, ...] = (256, 256)
    training: Training = TWINS
    augment: Callable[[Tensor, Generator], Tensor] | None = None
    encoder: Callable[[Tensor], nn.Module] = encoder_for

    def __call__(self, points: Float[Tensor, "N ..."], generator: Generator, /) -> nn.Module:
        streams, seed = Streams.of(generator), Streams.of(generator).noise
        with seeded(streams.initialisation):
            encoder = self.encoder(points)
            with torch.no_grad():
                width = encoder.eval()(points.new_zeros(1, *points.shape[1:])).shape[1]
            projector = Projector(width, self.widths)
        augment = distort_for(points) if self.augment is None else self.augment
        if len(points) > 1:
            twins = TwinViews(encoder, projector, augment, self.redundancy, seed).train()
            examples = Examples(points, points.new_zeros(len(points)))
            minimise([twins], OwnLoss(), examples, streams=[streams], training=self.training)
        return encoder.eval().requires_grad_(False)
