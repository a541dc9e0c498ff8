"""The variance left in total under any kernel, from all covariances: the state of Bait for small pools."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from bayesal.numerics.gaussian import mean_reduction
from bayesal.selection.conditioned import Conditioned
from bayesal.selection.shortlist import Shortlist
from bayesal.types import Kernel

MOST = 2**26  # covariances: 512 MiB
ROUNDING = 1e-13  # of the largest gain


@dataclass(frozen=True, eq=False)
class KernelVariance:
    """gain(n) = Σ_u k(u, n)² / (k(n, n) + σ²): ``now`` after all points, ``known`` after those known beforehand."""

    noise: float
    known: Conditioned
    now: Conditioned

    @classmethod
    def of(
        cls,
        kernel: Kernel,
        rows: Shaped[Tensor, "N ..."],
        others: Shaped[Tensor, "M ..."],
        noise: float,
        known: Shaped[Tensor, "P ..."] | None = None,
    ) -> "KernelVariance":
        """The labels of these points ``known``; ``others`` count in the total, like the rows; ``noise`` is σ²."""
        total = torch.cat([rows, others])
        if len(rows) * len(total) > MOST:
            raise ValueError(
                f"Bait with a kernel keeps the covariances of all {len(rows)} rows with {len(total)}, and more than "
                f"{MOST} are too many; give features without a kernel, for example a sketch, or narrow the pool first"
            )
        start = Conditioned.on_nothing(kernel, rows, total)
        start = start if known is None else start.on(known, noise)
        return cls(noise, start, start)

    def knowing(self, points: Shaped[Tensor, "P ..."]) -> "KernelVariance":
        """Before the first pick: these are known, and count."""
        rows = self.known.rows
        others = torch.cat([self.known.targets[len(rows) :], points.to(rows)])
        return KernelVariance.of(self.known.kernel, rows, others, self.noise, points.to(rows))

    def gains(self) -> Float[Tensor, "N"]:
        """Of every row, in float64."""
        variance, covariance = self.now.variance, self.now.covariance
        noise = torch.full_like(variance, self.noise)
        return mean_reduction(variance, covariance, noise, variance.new_ones(covariance.shape[1]))

    def best(self, open_: Bool[Tensor, "N"]) -> tuple[int, float]:
        """The open row with the largest gain, and that gain; of those equal but for rounding the lowest."""
        gains = self.gains().masked_fill(~open_, -torch.inf)
        position = int((gains >= gains.max() * (1 - ROUNDING)).nonzero()[0])
        return position, float(gains[position])

    def on(self, points: Shaped[Tensor, "P ..."]) -> "KernelVariance":
        """Their labels are known too."""
        return replace(self, now=self.now.on(points, self.noise))

    def narrowed(self, positions: Int[Tensor, "P"]) -> Shortlist:
        """Only what dropping these points, all that were taken, would cost."""
        reach = self.known.covariance[positions]
        return Shortlist.of(self.known.rows[positions], reach[:, positions], self.noise, reach)
