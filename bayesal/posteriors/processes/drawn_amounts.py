"""Functions drawn of Gaussian processes, with the noise of labels around them, in the labels' own units."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Normal

from bayesal.posteriors.processes.conditioned import Trend
from bayesal.posteriors.processes.paths import Paths
from bayesal.posteriors.processes.rows import Rows
from bayesal.types import Inputs


class Part(NamedTuple):
    """Some functions of one process: its prior mean, and paths around it."""

    trend: Trend
    paths: Paths


@dataclass(frozen=True, eq=False)
class DrawnAmounts:
    """y | x, k ~ Normal(shift + unit · (trend(x) + path_k(x)), unit² · noise_k), part after part.

    ``noise``: the variance of a standardised label around each of the K functions.
    """

    rows: Rows
    parts: Sequence[Part]
    noise: Float[Tensor, "K"]
    shift: float
    unit: float

    def __call__(self, inputs: Inputs, /) -> Normal:
        rows, points = self.rows(inputs)
        functions = torch.cat([part.trend(rows)[0, :, None] + part.paths(rows)[0] for part in self.parts], dim=1)
        mean = (self.shift + self.unit * functions).to(points.device, self.rows.dtype)
        return Normal(mean, (self.unit * self.noise.sqrt()).to(mean).expand_as(mean), validate_args=False)
