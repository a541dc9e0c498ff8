"""Two views of each point as a network's features, and what they are mapped to, show them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped
from torch import Generator, Tensor, nn

from bayesal.learning.losses import CrossEntropy
from bayesal.learning.streams import seeded
from bayesal.networks.last_layer import outputs_and_features
from bayesal.objectives.supcon import supcon


class Projections(nn.Module):
    """``N ...`` to ``N 2 D``: the features that ``head`` is shown for two views of each point, then ``projection``."""

    def __init__(
        self,
        network: nn.Module,
        head: str,
        projection: nn.Module,
        augment: Callable[[Tensor, Generator], Tensor],
        seed: int,
    ) -> None:
        super().__init__()
        self.network = network
        self.projection = projection
        self.head = head
        self._augment = augment
        self._generator = Generator().manual_seed(seed)

    def forward(self, points: Shaped[Tensor, "N ..."]) -> Float[Tensor, "N 2 D"]:
        views = torch.cat([self._augment(points, self._generator) for _ in range(2)])
        _, features = outputs_and_features(self.network, self.head, views)
        return torch.stack(self.projection(features).chunk(2), 1)


class Projected(nn.Module):
    """The network itself, trained together with the projection of its features."""

    def __init__(self, projections: Projections) -> None:
        super().__init__()
        self.network = projections.network
        self.projection = projections.projection

    def forward(self, points: Shaped[Tensor, "N ..."]) -> Float[Tensor, "N C"]:
        return self.network(points)


def projection_of(head: nn.Module, width: int | None, seed: int) -> nn.Module:
    """From features to ``width`` numbers by a linear map, ReLU and a linear map; the features themselves for None."""
    if width is None:
        return nn.Identity()
    like = head.weight
    assert isinstance(like, Tensor)
    with seeded(seed):
        layers = nn.Sequential(nn.Linear(like.shape[1], like.shape[1]), nn.ReLU(), nn.Linear(like.shape[1], width))
    return layers.to(like.device, like.dtype)


@dataclass(frozen=True)
class SupConLoss(CrossEntropy):
    """``objectives.supcon`` as a loss of views ``N V D``: the mean over the views of a point."""

    temperature: float | int = 0.1

    def __call__(self, outputs: Float[Tensor, "N V D"], targets: Int[Tensor, "N"], /) -> Float[Tensor, "N"]:
        return supcon(outputs, targets, temperature=self.temperature).mean(dim=1)

    def error(self, outputs: Float[Tensor, "N V D"], targets: Int[Tensor, "N"], /) -> Float[Tensor, "N"]:
        return self(outputs, targets)
