"""Functions drawn of Gaussian processes, with the noise of labels around them, in the labels' own units."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor
from torch.distributions import Normal

from bayesal.posteriors.conditioned import Trend
from bayesal.posteriors.paths import Paths
from bayesal.posteriors.rows import Rows
from bayesal.types import Inputs


@dataclass(frozen=True, eq=False)
class DrawnAmounts:
    """y | x, k ~ Normal(shift + unit · (trend(x) + path_k(x)), unit² · noise_k).

    ``chosen``: hypothesis k is function ``chosen[k]`` of the paths, counted through all functions of the first process,
    then of the second, ... ``noise``: the variance of a standardised label around each of the K functions.
    """

    rows: Rows
    trend: Trend
    paths: Paths
    chosen: Int[Tensor, "K"]
    noise: Float[Tensor, "K"]
    shift: float
    unit: float

    def __call__(self, inputs: Inputs, /) -> Normal:
        rows, points = self.rows(inputs)
        values = self.trend(rows)[:, :, None] + self.paths(rows)  # B N P
        functions = values.transpose(0, 1).flatten(1)[:, self.chosen]
        mean = (self.shift + self.unit * functions).to(points.device, self.rows.dtype)
        spread = (self.unit * self.noise.sqrt()).to(points.device, self.rows.dtype).expand_as(mean)
        return Normal(mean, spread, validate_args=False)
