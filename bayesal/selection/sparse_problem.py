"""Problem P: a few weighted points that stand for the whole pool."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.optimize import nnls
from torch import Tensor

from bayesal.numerics.along import as_rows, exact_products, lengths, total

TINY = 1e-12  # the weight of a row whose best weight is 0: P asks for B weights above 0


@dataclass(frozen=True, eq=False)
class SparseProblem:
    """min over w >= 0 with B weights above 0 of ‖v - Φᵀw‖² - α Σ_j 1[w_j > 0] σ²_j + β ‖w - 1‖² (Shen et al., 2022).

    ``rows`` Φ: each point's expected loss as m numbers, dense or products; v is their sum over the pool.
    ``variances`` σ²: what the unknown label adds to that. α trades what is uncertain for what is typical; β keeps
    weights near 1.
    """

    rows: Float[Tensor, "N m"]
    variances: Float[Tensor, "N"]
    alpha: float
    beta: float
    lengths: Float[Tensor, "N"]
    target: Float[Tensor, "m"]

    @classmethod
    def of(
        cls, rows: Tensor, variances: Tensor, alpha: float | int = 1.0, beta: float | int = 0.1, *, scaled: bool = False
    ) -> "SparseProblem":
        """``scaled``: α and β are for rows of mean length 1 and variances of mean 1, as if both were divided by theirs;
        the objective stays in the unit of the rows.

        Raises ValueError for rows that are not finite ``N m``, variances that are not N numbers of at least 0, and α or
        β below 0.
        """
        for name, value in (("alpha", alpha), ("beta", beta)):
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name} must be a number of at least 0, but it is {value}")
        rows = as_rows(rows, "signatures")
        if variances.shape != (len(rows),) or not bool((variances.isfinite() & (variances >= 0)).all()):
            raise ValueError(
                f"variances must be one number of at least 0 for each of the {len(rows)} signatures, but they have "
                f"shape {tuple(variances.shape)}"
                + (f" and the least is {float(variances.min()):.3g}" if len(variances) else "")
            )
        long, variances = lengths(rows, "signatures"), variances.detach().double()
        if scaled and len(rows):
            squared = float(long.mean()) ** 2 or 1.0
            alpha, beta = alpha * squared / (float(variances.mean()) or 1.0), beta * squared
        return cls(rows, variances, float(alpha), float(beta), long, total(rows))

    def __len__(self) -> int:
        return len(self.rows)

    def some(self, positions: Int[Tensor, "P"]) -> Float[Tensor, "P m"]:
        """A few rows, written down in float64."""
        return self.rows[positions].double()

    def residual(self, positions: Int[Tensor, "P"], weights: Float[Tensor, "P"]) -> Float[Tensor, "m"]:
        """v - Φᵀw."""
        return self.target - weights @ self.some(positions)

    def objective(self, positions: Int[Tensor, "P"], weights: Float[Tensor, "P"]) -> float:
        """The objective of P where these rows have these weights and all others 0."""
        return self.misfit(positions, weights) - self.alpha * float(self.variances[positions][weights > 0].sum())

    def misfit(self, positions: Int[Tensor, "P"], weights: Float[Tensor, "P"]) -> float:
        """The objective but for the variances."""
        unequal = (weights - 1).square().sum() + (len(self) - len(positions))
        return float(self.residual(positions, weights).square().sum() + self.beta * unequal)

    def alone(self) -> Float[Tensor, "N"]:
        """By how much each row, as the only one and with its best weight, lowers the objective."""
        wanted = (exact_products(self.rows, self.target) + self.beta).clamp_min(0)
        curvature = (self.lengths.square() + self.beta).clamp_min(torch.finfo(torch.float64).tiny)
        return wanted.square() / curvature + self.alpha * self.variances

    def refitted(self, positions: Int[Tensor, "P"]) -> Float[Tensor, "P"]:
        """The weights of at least 0 that fit best where only these rows have any."""
        if not len(positions):
            return self.target.new_empty(0)
        root = self.beta**0.5
        matrix = np.concatenate([self.some(positions).mT.cpu().numpy(), root * np.eye(len(positions))])
        wanted = np.concatenate([self.target.cpu().numpy(), np.full(len(positions), root)])
        return torch.from_numpy(nnls(matrix, wanted, maxiter=100 * len(positions))[0]).to(self.target)


@dataclass(frozen=True, eq=False)
class SparseBatch:
    """B rows, their weights above 0, what each took off the objective, and the objective that is left.

    Training uses the rows with weight 1 each; the weights explain the choice.
    """

    positions: Int[Tensor, "B"]
    weights: Float[Tensor, "B"]
    gains: Float[Tensor, "B"]
    objective: float


def filled(problem: SparseProblem, positions: list[int], batch_size: int) -> list[int]:
    """The rows, and then as many as are missing: those of the largest variance (ties: the lowest)."""
    open_ = torch.ones(len(problem), dtype=torch.bool)
    open_[positions] = False
    order = problem.variances.cpu().argsort(descending=True, stable=True)
    return positions + order[open_[order]][: batch_size - len(positions)].tolist()
