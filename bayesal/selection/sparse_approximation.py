"""Sparse approximation: the batch whose weighted losses imitate those of the whole pool."""

from dataclasses import dataclass

from jaxtyping import Float, Int, Shaped
from torch import Generator, Tensor

from bayesal.selection.matching_pursuit import matching_pursuit, refitted_pursuit
from bayesal.selection.sparse_problem import SparseBatch, SparseProblem
from bayesal.selection.thresholding import proximal_iht


@dataclass(frozen=True)
class SparseApproximation:
    """min over w >= 0 with B weights above 0 of ‖v - Φᵀw‖² - α Σ_j 1[w_j > 0] σ²_j + β ‖w - 1‖² (Shen et al., 2022).

    A rule over rows ``N (m + 1)``: the m numbers of a signature Φ_j (:mod:`bayesal.representations.signatures`), and
    last the variance σ²_j that its unknown label adds. v is the sum of all signatures. ``solver``: "greedy", one row
    after the other with the earlier weights fixed; "refit", with all weights fitted anew (slower, rarely worse);
    "iht", proximal iterative hard thresholding. ``scaled``: signatures have mean length 1 and variances mean 1 first,
    which is what the defaults of α and β are for; the paper's own are not known.

    Raises ValueError for a batch below 0 or above N, rows that are not finite floats ``N (m + 1)``, variances below 0,
    and for α or β below 0.
    """

    alpha: float | int = 1.0
    beta: float | int = 0.1
    solver: str = "greedy"
    scaled: bool = True

    def __post_init__(self) -> None:
        if self.solver not in ("greedy", "refit", "iht"):
            raise ValueError(f"there is no solver {self.solver!r}; there are greedy, refit and iht")

    def __call__(self, rows: Shaped[Tensor, "N ..."], batch_size: int, /, *, generator: Generator) -> Int[Tensor, "B"]:
        """The positions of the batch, in the order they were added; of "iht", the largest weight first."""
        return self.solve(*self._parts(rows), batch_size, generator=generator).positions

    def solve(self, signatures: Tensor, variances: Tensor, batch_size: int, *, generator: Generator) -> SparseBatch:
        """The batch with its weights and objective, from signatures ``N m``, dense or products, and their variances."""
        problem = SparseProblem.of(signatures, variances, self.alpha, self.beta, scaled=self.scaled)
        if self.solver == "iht":
            return proximal_iht(problem, batch_size, generator=generator)
        return (matching_pursuit if self.solver == "greedy" else refitted_pursuit)(problem, batch_size)

    def scores(self, rows: Shaped[Tensor, "N ..."], /) -> Float[Tensor, "N"]:
        """By how much each row alone, with its best weight, lowers the objective of nothing."""
        return SparseProblem.of(*self._parts(rows), self.alpha, self.beta, scaled=self.scaled).alone()

    def _parts(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        if rows.ndim != 2 or rows.shape[1] < 2 or not rows.is_floating_point():
            raise ValueError(
                "SparseApproximation chooses among signatures and their variances, floats of shape (N, m + 1), but "
                f"these rows are {rows.dtype} of shape {tuple(rows.shape)}; look at the pool through views.Signatures"
            )
        return rows[:, :-1], rows[:, -1]
