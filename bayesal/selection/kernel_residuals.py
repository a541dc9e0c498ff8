"""What is left of the variance of rows under any kernel: the state of MaxDet without features."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from bayesal.selection.conditioned import Conditioned
from bayesal.types import Kernel

ROUNDING = 1e-13  # of a variance before anything is known: less than that is nothing left


@dataclass(frozen=True, eq=False)
class KernelResiduals:
    """A column of covariances for each point taken. ``prior``: the variances before any."""

    noise: float
    prior: Float[Tensor, "N"]
    now: Conditioned

    @classmethod
    def of(cls, kernel: Kernel, rows: Shaped[Tensor, "N ..."], noise: float) -> "KernelResiduals":
        """Nothing known; ``noise`` is σ²."""
        start = Conditioned.on_nothing(kernel, rows, None)
        return cls(noise, start.variance, start)

    def on(self, points: Shaped[Tensor, "P ..."]) -> "KernelResiduals":
        """Their labels are known too; at σ = 0 those of which nothing is left add nothing."""
        now = self.now
        for place in range(len(points)):
            point = points[place : place + 1]
            after = now.on(point, self.noise)
            variance = float(after.factor[-1, -1] ** 2)
            if variance > ROUNDING * float(now.kernel.variance(point)) or self.noise > 0:
                now = after
        return replace(self, now=now)

    def up_to_date(self) -> Float[Tensor, "N"]:
        """The variance left of every row."""
        variance = self.now.variance
        return variance.masked_fill(variance <= ROUNDING * self.prior, 0)

    def largest(self, open_: Bool[Tensor, "N"]) -> tuple[int, float]:
        """The open row of which most is left, and how much; of those equal but for rounding the lowest."""
        variance = torch.where(open_, self.up_to_date(), -torch.inf)
        position = int((variance >= variance.max() - ROUNDING * self.prior.max()).nonzero()[0])
        return position, float(variance[position])
