"""Functions drawn from Gaussian processes, as hypotheses about labels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from bayesal.posteriors.processes.labels import Labels
from bayesal.posteriors.processes.paths import Paths
from bayesal.posteriors.processes.rows import Rows
from bayesal.types import Inputs


@dataclass(frozen=True, eq=False)
class ProcessHypotheses:
    """K functions x ↦ labels(prior_mean(rows(x)) + path_k(rows(x))), one value an output of ``paths`` put together.

    On the inputs' device, with a gradient graph only if the inputs require one; in the number type of the network
    before the process, and else in double precision.
    """

    rows: Rows
    paths: Sequence[Paths]
    prior_mean: Callable[[Tensor], Tensor]
    labels: Labels

    def __call__(self, inputs: Inputs, /) -> Distribution:
        rows, points = self.rows(inputs)
        values = torch.cat([paths(rows) for paths in self.paths]) + self.prior_mean(rows)[..., None]
        return self.labels(values.permute(1, 2, 0).to(points.device, self.rows.dtype))
