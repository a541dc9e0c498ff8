"""The features of a network, on a common scale: what a model on top of it sees."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from bayesal.networks.standardise import Standardise
from bayesal.networks.trunk import split_head
from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.network import finite
from bayesal.posteriors.points import Points
from bayesal.types import Inputs

SMALLEST_STD = 0.1  # of a feature over the labelled points: dead ReLUs never vary
LARGEST = 8.0  # standard deviations; what is farther is pulled back


class Seen(NamedTuple):
    """Features ``N D`` on the network's device, and the device the points came from."""

    features: Float[Tensor, "N D"]
    device: torch.device


class StandardFeatures(nn.Module):
    """The inputs of a network's last linear layer, standardised and pulled back to ±8.

    Of a network without parameters, a fixed scale of each number of its own (``nn.Identity``, ``Standardise``), the
    flattened outputs are the features, and a NaN among the inputs is a missing feature: it stays NaN. Else NaN is
    refused, by a ValueError as for all that is not finite.
    """

    def __init__(self, trunk: nn.Module, scale: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk
        self.scale = scale
        self.learned = any(True for _ in trunk.parameters())

    @classmethod
    def of(cls, network: nn.Module, inputs: Shaped[Tensor, "N ..."]) -> "StandardFeatures":
        """Those of a trained network, on the scale of these points: mean 0, standard deviation 1, or less for what
        varies by less than 0.1."""
        if any(True for _ in network.parameters()):
            points = Points.prepare(inputs[:2], network).inputs
            assert isinstance(points, Tensor)
            trunk, _ = split_head(network, points)
        else:
            trunk = frozen_copy(network)
        features = cls(trunk, nn.Identity())(inputs).features
        count = (~features.isnan()).sum(dim=0).clamp_min(1)
        mean = features.nansum(dim=0) / count
        std = ((features - mean).square().nansum(dim=0) / count).sqrt().clamp_min(SMALLEST_STD)
        return cls(trunk, nn.Sequential(Standardise(mean, std), nn.Hardtanh(-LARGEST, LARGEST)))

    @torch.no_grad()
    def forward(self, inputs: Inputs, /) -> Seen:
        missing = None
        if isinstance(inputs, Tensor) and not self.learned:
            missing = inputs.isnan()
            inputs = inputs.where(~missing, 0) if inputs.is_floating_point() else inputs.double()
        points = Points.prepare(inputs, self)
        positional, named = (points if points.count else points.some()).arguments()
        features = self.scale(finite(self.trunk(*positional, **named).flatten(1)))[: points.count]
        if missing is not None:
            features = features.where(~missing.flatten(1).to(features.device), torch.nan)
        return Seen(features, points.device)
