"""The sum of all rows and how much of it Frank-Wolfe has reached, by inner products alone."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from bayesal.numerics.gaussian_door import as_variance
from bayesal.numerics.linalg import blocks
from bayesal.types import Kernel

PAIRS = 2**20  # covariances at once: 8 MiB


@dataclass(frozen=True, eq=False)
class SumByKernel:
    """``with_aim`` and ``with_reached``: ⟨φ_n, u⟩ and ⟨φ_n, w⟩; w = Σ ``weights`` φ over the ``taken``.

    ``summed``: the rows, then all that is known: u is their sum. ``radius``: r, the sum of their lengths. ``products``:
    ⟨u, w⟩ and ⟨w, w⟩. ``steps``: how many steps were made to rows that were not known before.
    """

    kernel: Kernel
    rows: Shaped[Tensor, "N ..."]
    summed: Shaped[Tensor, "M ..."]
    taken: Shaped[Tensor, "P ..."]
    lengths: Float[Tensor, "N"]
    with_aim: Float[Tensor, "N"]
    with_reached: Float[Tensor, "N"]
    weights: Float[Tensor, "P"]
    radius: float
    products: tuple[float, float] = (0.0, 0.0)
    steps: int = 0

    @classmethod
    def of(cls, rows: Shaped[Tensor, "N ..."], kernel: Kernel) -> "SumByKernel":
        """Nothing is reached. Raises ValueError for variances that are negative or not finite."""
        rows = rows.detach()
        lengths = as_variance(kernel.variance(_double(rows)), "the rows' variance").sqrt()
        none = torch.zeros_like(lengths)
        state = cls(kernel, rows, rows, rows[:0], lengths, none, none, none[:0], float(lengths.sum()))
        return replace(state, with_aim=state._summed(rows, rows))

    def with_more(self, points: Shaped[Tensor, "P ..."]) -> "SumByKernel":
        """These count in the sum too, while nothing is reached. Steps to them are not counted."""
        points = points.detach().to(self.rows.device)
        lengths = as_variance(self.kernel.variance(_double(points)), "the given rows' variance").sqrt()
        return replace(
            self,
            summed=torch.cat([self.summed, points]),
            with_aim=self.with_aim + self._summed(self.rows, points),
            radius=self.radius + float(lengths.sum()),
            steps=self.steps - len(points),
        )

    def stepped(self, points: Shaped[Tensor, "P ..."]) -> "SumByKernel":
        """A step to each of these, in this order; to a row of length 0, none."""
        state = self
        for point in points.detach().to(self.rows.device).split(1):
            state = state._stepped(point)
        return state

    def _stepped(self, point: Shaped[Tensor, "1 ..."]) -> "SumByKernel":
        length = float(as_variance(self.kernel.variance(_double(point)), "the variance of a row that is taken").sqrt())
        if length == 0:
            return replace(self, steps=self.steps + 1)
        scale = self.radius / length
        with_aim = scale * float(self._summed(point, self.summed))
        with_reached = scale * float(self._covariance(point, self.taken)[0] @ self.weights)
        aim_reached, reached_reached = self.products
        squared = self.radius**2 - 2 * with_reached + reached_reached
        size = (with_aim - with_reached - aim_reached + reached_reached) / squared if squared > 0 else 0.0
        return replace(
            self,
            taken=torch.cat([self.taken, point]),
            weights=torch.cat([self.weights * (1 - size), self.weights.new_tensor([size * scale])]),
            with_reached=self.with_reached * (1 - size) + size * scale * self._covariance(self.rows, point)[:, 0],
            products=(
                (1 - size) * aim_reached + size * with_aim,
                (1 - size) ** 2 * reached_reached + 2 * size * (1 - size) * with_reached + (size * self.radius) ** 2,
            ),
            steps=self.steps + 1,
        )

    def scores(self) -> Float[Tensor, "N"]:
        """⟨φ_n / ‖φ_n‖, u - w⟩; of rows of length 0, -inf."""
        return torch.where(self.lengths > 0, (self.with_aim - self.with_reached) / self.lengths, -torch.inf)

    def best(self, open_: Bool[Tensor, "N"]) -> tuple[int, float]:
        """The open row of the largest score (ties: the lowest), and that."""
        positions = open_.nonzero().squeeze(1)
        scores = self.scores()[positions]
        best = int(scores.argmax())  # argmax gives the first of equals
        return int(positions[best]), float(scores[best])

    def _summed(self, rows: Shaped[Tensor, "n ..."], others: Shaped[Tensor, "M ..."]) -> Float[Tensor, "n"]:
        """Σ_m k(n, m)."""
        result = self.lengths.new_empty(len(rows))
        for some in blocks(len(rows), len(others), PAIRS):
            result[some] = self._covariance(rows[some], others).sum(1)
        return result

    def _covariance(self, rows: Shaped[Tensor, "n ..."], others: Shaped[Tensor, "M ..."]) -> Float[Tensor, "n M"]:
        if not len(others):
            return self.lengths.new_empty(len(rows), 0)
        return self.kernel.covariance(_double(rows), _double(others)).detach().double()


def _double(rows: Shaped[Tensor, "N ..."]) -> Tensor:
    return rows.double() if rows.is_floating_point() else rows  # places in a pool stay places
