"""Mean and covariance of a Gaussian process in closed form, in the labels' units."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bayesal.posteriors.inducing import Inducing
from bayesal.posteriors.process_labels import Amounts
from bayesal.posteriors.rows import Rows
from bayesal.types import Inputs


@dataclass(frozen=True, eq=False)
class ProcessMoments:
    """Moments of the function values of one process: ``bayesal.types.Moments`` and ``Noisy``."""

    rows: Rows
    part: Inducing
    prior_mean: nn.Module
    labels: Amounts

    @property
    def noise(self) -> float:
        """The variance of a label around the function."""
        return self.labels.noise * self.labels.unit**2

    @torch.no_grad()
    def mean(self, inputs: Inputs, /) -> Float[Tensor, "N"]:
        rows, points = self.rows(inputs)
        values = self.part.expected(rows)[0] + self.prior_mean(rows).reshape(-1)
        return (self.labels.shift + self.labels.unit * values).to(points.device, self.rows.dtype)

    @torch.no_grad()
    def covariance(self, inputs: Inputs, others: Inputs, /) -> Float[Tensor, "N M"]:
        (here, points), (there, _) = self.rows(inputs), self.rows(others)
        return (self.labels.unit**2 * self.part.covariance(here, there)[0]).to(points.device, self.rows.dtype)

    @torch.no_grad()
    def variance(self, inputs: Inputs, /) -> Float[Tensor, "N"]:
        rows, points = self.rows(inputs)
        return (self.labels.unit**2 * self.part.variance(rows)[0]).to(points.device, self.rows.dtype)
