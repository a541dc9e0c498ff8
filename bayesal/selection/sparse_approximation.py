"""Sparse approximation: the batch whose weighted losses imitate those of the whole pool."""

from dataclasses import dataclass
from typing import TypeAlias

from jaxtyping import Float, Int, Shaped
from torch import Generator, Tensor

from bayesal.selection.matching_pursuit import matching_pursuit, refitted_pursuit
from bayesal.selection.sparse_problem import TINY, SparseBatch, SparseProblem
from bayesal.selection.thresholding import proximal_iht
from bayesal.types import Selection

Rows: TypeAlias = Tensor | tuple[Tensor, Tensor]


@dataclass(frozen=True)
class SparseApproximation:
    """min over w >= 0 with B weights above 0 of ‖v - Φᵀw‖² - α Σ_j 1[w_j > 0] σ²_j + β ‖w - 1‖² (Shen et al., 2022).

    A rule over rows ``N (m + 1)``: the m numbers of a signature Φ_j (:mod:`bayesal.representations.signatures`), and
    last the variance σ²_j that its unknown label adds. v is the sum of all signatures. ``solver``: "refit", one row
    after the other with all weights fitted anew; "greedy", with the earlier weights fixed, which is quick, but a few
    large weights soon leave nothing to add; "iht", proximal iterative hard thresholding, from nothing and from "refit".
    ``scaled``: signatures have mean length 1 and variances mean 1 first, which is what the defaults of α and β are for;
    the paper's own are not known.

    Raises ValueError for a batch below 0 or above N, rows that are not finite floats ``N (m + 1)``, variances below 0,
    and for α or β below 0.
    """

    alpha: float | int = 1.0
    beta: float | int = 0.1
    solver: str = "refit"
    scaled: bool = True

    def __post_init__(self) -> None:
        if self.solver not in ("greedy", "refit", "iht"):
            raise ValueError(f"there is no solver {self.solver!r}; there are greedy, refit and iht")

    def __call__(self, rows: Shaped[Tensor, "N ..."], batch_size: int, /, *, generator: Generator) -> Int[Tensor, "B"]:
        """The positions of the batch, in the order they were added; of "iht", the largest weight first."""
        return self.solve(rows, batch_size, generator=generator).positions

    def solve(self, rows: Rows, batch_size: int, *, generator: Generator) -> SparseBatch:
        """The batch with its weights and objective. ``rows``: as above, or signatures ``N m``, which may be products,
        and their variances ``N``."""
        return self._solve(self._problem(rows), batch_size, generator)

    def scores(self, rows: Rows, /) -> Float[Tensor, "N"]:
        """By how much each row alone, with its best weight, lowers the objective of nothing."""
        return self._problem(rows).alone()

    def select(self, rows: Rows, batch_size: int, *, generator: Generator) -> Selection:
        """The batch with what explains it: ``gains`` are what each row took off the objective."""
        problem = self._problem(rows)
        batch = self._solve(problem, batch_size, generator)
        idle = int((batch.weights <= TINY).sum())
        notes = (
            f"{batch_size - idle} weighted points imitate the pool as well as the whole batch of {batch_size}, so the "
            f"other {idle} were chosen for their variance alone",
        )
        positions = batch.positions
        return Selection(positions.tolist(), problem.alone()[positions], batch.gains, positions, notes if idle else ())

    def _solve(self, problem: SparseProblem, batch_size: int, generator: Generator) -> SparseBatch:
        if self.solver == "iht":
            return proximal_iht(problem, batch_size, generator=generator)
        return (matching_pursuit if self.solver == "greedy" else refitted_pursuit)(problem, batch_size)

    def _problem(self, rows: Rows) -> SparseProblem:
        if isinstance(rows, Tensor):
            if rows.ndim != 2 or rows.shape[1] < 2 or not rows.is_floating_point():
                raise ValueError(
                    "SparseApproximation chooses among signatures and their variances, floats of shape (N, m + 1), but "
                    f"these rows are {rows.dtype} of shape {tuple(rows.shape)}; make them by "
                    "representations.loss_signatures or gradient_signatures"
                )
            rows = rows[:, :-1], rows[:, -1]
        return SparseProblem.of(*rows, self.alpha, self.beta, scaled=self.scaled)
