"""Directions that tell the labels apart: features through a small linear map trained on what is labelled."""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.nn.functional import normalize

from bayesal.data.pool import Pool
from bayesal.learning import Examples, SquaredLoss, Streams, Training, minimise
from bayesal.learning.streams import seeded
from bayesal.networks import Standardise
from bayesal.networks.standardise import mean_and_spread
from bayesal.recipe import recipe
from bayesal.types import Inputs, Look, UnpackingLook
from bayesal.views.features import Features
from bayesal.views.label_loss import label_loss
from bayesal.views.view import View

SAMPLE = 1_000  # pool points that the scale of the features is read off: good to a few per cent, and quick to look at
ROUNDING = 1e-6  # of its mean: a feature that varies less than this is constant
HEAD = Training(learning_rate=3e-3, weight_decay=1e-2, epoch_size=1024, max_epochs=20, progress=False)
"""At most 320 steps of 64 labelled points: half a second or so."""


@dataclass(frozen=True, repr=False)
class CosineHead:
    """Rows are v = (W h + b) / ‖W h + b‖ of ``width`` numbers, ``N width``, h a point's ``features``.

    The auxiliary head of DACS (Kim and Shin, KDD 2022): W and b are trained on the labelled points with the loss of the
    task, and the belief stays as it is. Class y has the logit v · c_y / ``temperature``, c_y a learned vector of length
    1; classes count as far as they are labelled. Labels that may hold together have such a logit each, with binary
    cross entropy. For amounts v goes through a linear layer to the standardised amount, with the squared loss. How the
    paper sets width, temperature and training is not known to us (unverified). Features are put on the scale of at most
    1,000 evenly spaced points of the pool. A belief that predicts nothing has classes where labels are whole numbers.

    Raises ValueError where fewer than two different labels are known, for maps of labels, for features that are no
    finite rows ``N D`` or have a kernel of their own, and for settings out of range.
    """

    width: int = 16
    temperature: float | int = 0.1
    features: View[Any] = field(default_factory=Features)
    training: Training = HEAD

    __repr__ = recipe

    def __post_init__(self) -> None:
        if self.width < 2:
            raise ValueError(f"width must be at least 2, for directions to differ, but it is {self.width}")
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"temperature must be a number above 0, but it is {self.temperature}")

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> "CosineHeadLook":
        features = self.features(belief, pool, generator=generator)
        if isinstance(features, UnpackingLook) or getattr(features, "kernel", None) is not None:
            raise ValueError("a head is trained on plain rows of features, and these have a kernel or a form of theirs")
        loss, targets, outputs = label_loss(belief, pool, "a head")
        known = _checked(pool.scan(features, pool.labelled, what="looking at what is labelled"))
        scale = _scale_of(_checked(pool.scan(features, pool.ids[:: -(-len(pool) // SAMPLE)], what="scaling features")))
        streams = Streams.of(generator)
        with seeded(streams.initialisation):
            direction = Direction(known.shape[1], self.width).double()
            linear = isinstance(loss, SquaredLoss)
            output = nn.Linear(self.width, 1) if linear else Cosines(self.width, outputs, self.temperature)
        head = nn.Sequential(direction, output.double())
        examples = Examples(scale(known.cpu()), targets)
        minimise([head], loss, examples, streams=[streams], training=self.training)
        return CosineHeadLook(features, scale.to(known.device), head.to(known.device).requires_grad_(False))


@dataclass(frozen=True, eq=False)
class CosineHeadLook:
    """Points in, directions out, in the precision of the features; ``head`` is the trained map with its outputs."""

    features: Look
    scale: Standardise
    head: nn.Sequential

    @torch.no_grad()
    def __call__(self, inputs: Inputs, /) -> Float[Tensor, "N width"]:
        rows = self.features(inputs)
        return self.head[0](self.scale(rows)).to(torch.promote_types(rows.dtype, torch.float32))


class Direction(nn.Linear):
    """(W h + b) / ‖W h + b‖."""

    def forward(self, input: Float[Tensor, "N D"]) -> Float[Tensor, "N width"]:
        return normalize(super().forward(input))


class Cosines(nn.Module):
    """v · c_y / temperature for vectors v and learned c_y of length 1."""

    def __init__(self, width: int, num_classes: int, temperature: float | int) -> None:
        super().__init__()
        self.classes = nn.Parameter(torch.randn(num_classes, width))
        self._temperature = temperature

    def forward(self, directions: Float[Tensor, "N width"]) -> Float[Tensor, "N C"]:
        return directions @ normalize(self.classes).mT / self._temperature


def _checked(rows: Tensor) -> Tensor:
    if rows.ndim != 2 or not rows.is_floating_point():
        raise ValueError(f"a head needs features of shape (N, D), but these are {rows.dtype} of {tuple(rows.shape)}")
    broken = int((~rows.isfinite().all(1)).sum())
    if broken:
        raise ValueError(f"features must be finite numbers, but those of {broken} of {len(rows)} points are not")
    return rows


def _scale_of(rows: Float[Tensor, "N D"]) -> Standardise:
    """Mean and standard deviation of each feature, in float64; a constant one keeps the scale 1."""
    mean, spread = mean_and_spread(rows.cpu())
    return Standardise(mean, torch.where(spread > ROUNDING * mean.abs(), spread, 1.0))
