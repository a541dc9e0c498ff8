"""The default network, loss and scale of inputs for a data set."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor, nn

from bayesal.data.dataset import DataSet, Kind
from bayesal.data.sources import source_of
from bayesal.learning import BinaryCrossEntropy, CrossEntropy, GaussianLoss, Loss, SquaredLoss, Training
from bayesal.networks import MLP, MnistCNN, SmallCNN

PROTOCOL_SHAPE = (1, 28, 28)
"""Images of this shape follow the protocol of the BatchBALD experiments (Kirsch et al., 2019)."""
TABLE_DROPOUT = 0.5  # with fewer, a network over-fits the spread of a few dozen amounts
SMALLEST_SIDE = 4  # of what the small CNN can halve twice
LARGEST_SIDE = 32  # of the images the default network looks at; larger ones are averaged down to it


@dataclass(frozen=True, eq=False)
class Given:
    """What a run gives to the maker of a learner."""

    data: DataSet
    training: Training
    validation: tuple[Tensor, Tensor] | None = None
    initial: int = 20
    """Labels before the first batch was asked."""
    batch_size: int = 10
    """Labels asked in a round."""
    network: Callable[[], nn.Module] | None = None
    """What makes the user's own network, in place of the default one."""

    @property
    def kind(self) -> Kind:
        return self.data.kind

    @property
    def num_classes(self) -> int:
        return len(self.data.class_names)

    @property
    def standardise(self) -> bool:
        """Whether the inputs are on a scale of their own: the pixels of the protocol are normalised already."""
        return point_shape(self.data) != PROTOCOL_SHAPE

    def recipe(self, *, squared: bool = False) -> dict[str, Any]:
        """What a learner of networks is made of; ``squared``: amounts are one output each, fitted by least squares."""
        return {
            "network": self.network or network_for(self.data, squared=squared),
            "loss": loss_for(self.data, squared=squared),
            "training": self.training,
            "validation": self.validation,
            "standardise": self.standardise,
        }


def network_for(data: DataSet, *, squared: bool = False) -> Callable[[], nn.Module]:
    """The default: the BatchBALD authors' for 28 x 28 grey images, a small CNN for others, an MLP for tables and for
    images that are too small for it."""
    shape, outputs = point_shape(data), len(data.class_names)
    if data.kind == "regression":
        outputs = 1 if squared else 2
    if shape == PROTOCOL_SHAPE and data.kind != "regression":
        return partial(MnistCNN, outputs)
    if data.image and min(shape[1:]) >= SMALLEST_SIDE:
        channels, rows, columns = shape
        if max(rows, columns) <= LARGEST_SIDE:
            return partial(SmallCNN, outputs, channels, image_size=(rows, columns))
        return partial(_averaged_down, partial(SmallCNN, outputs, channels, image_size=LARGEST_SIDE))
    return partial(MLP, int(np.prod(shape)), outputs, dropout=TABLE_DROPOUT)


def loss_for(data: DataSet, *, squared: bool = False) -> Loss:
    match data.kind:
        case "regression":
            return SquaredLoss() if squared else GaussianLoss()
        case "multilabel":
            return BinaryCrossEntropy()
        case _:
            return CrossEntropy()


def point_shape(data: DataSet) -> tuple[int, ...]:
    """The shape of one point."""
    first = source_of(data.inputs)[0].gather(np.arange(min(1, len(data))))
    return tuple(first.shape[1:])


def _averaged_down(make: Callable[[], nn.Module]) -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(LARGEST_SIDE), make())
