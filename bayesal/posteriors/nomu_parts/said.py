"""What a NOMU says of points, and its hypotheses."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Normal

from bayesal.networks.nomu import NOMUNetwork, NOMUOutputs, Readout
from bayesal.posteriors.network import finite
from bayesal.posteriors.nomu_parts.dependence import Functions, Places
from bayesal.posteriors.nomu_parts.hashed import keys
from bayesal.posteriors.points import Points
from bayesal.posteriors.trial import trial
from bayesal.types import Inputs

SMALLEST_NOISE = 1e-6  # variance of a standardised label: with none at all there would be no density


class Said(NamedTuple):
    """Of N points: mean and standard deviation of the function in the labels' units, and where they lie."""

    mean: Float[Tensor, "N"]
    sd: Float[Tensor, "N"]
    places: Places
    device: torch.device


@dataclass(frozen=True, eq=False)
class Saying:
    """shift + scale·f̂(x) and scale·c·readout(r̂(x)), by a frozen network. A gradient flows if the inputs ask for one.

    Raises ValueError for c or a scale that is not positive, a noise below 0, and points that the network refuses.
    """

    network: NOMUNetwork
    readout: Readout
    c: float
    shift: float
    scale: float
    noise: float

    def __post_init__(self) -> None:
        if not (self.c > 0 and self.scale > 0 and self.noise >= 0):
            raise ValueError(
                "c and scale must be positive and the noise not negative, but they are "
                f"{self.c}, {self.scale} and {self.noise}"
            )

    def __call__(self, inputs: Inputs, /) -> Said:
        points = Points.prepare(inputs, self.network)
        if not isinstance(points.inputs, Tensor):
            raise ValueError("NOMU takes points that are one tensor, but these are a mapping")
        outputs = self._outputs(points)
        stacked = finite(torch.stack([outputs.prediction, outputs.raw], dim=1))
        mean = self.shift + self.scale * stacked[:, 0]
        sd = self.scale * self.c * self.readout(stacked[:, 1])
        return Said(mean, sd, Places(outputs.features.double(), keys(points.inputs)), points.device)

    def label_variance(self) -> float:
        """Of a label around the function, in its own unit squared."""
        return max(self.noise, SMALLEST_NOISE) * self.scale**2

    def _outputs(self, points: Points) -> NOMUOutputs:
        if points.count == 0:
            return NOMUOutputs(*(part[:0] for part in self._outputs(points.some())))
        with torch.no_grad():
            trial(lambda some: self.network(some.arguments()[0][0]).features, points.some())
        return self.network(points.arguments()[0][0])


@dataclass(frozen=True, eq=False)
class NOMUHypotheses:
    """K functions f_k(x) = mean(x) + sd(x) g_k(x) with fixed g_k."""

    saying: Saying
    functions: Functions

    def __call__(self, inputs: Inputs, /) -> Normal:
        said = self.saying(inputs)
        values = said.mean[:, None] + said.sd[:, None] * self.functions(said.places).to(said.mean)
        return Normal(values.to(said.device), self.saying.label_variance() ** 0.5, validate_args=False)
