"""ACS-FW: Frank-Wolfe towards the log-likelihood of the whole pool."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped
from torch import Generator, Tensor

from bayesal.numerics.along import as_rows, best_along, exact_products, lengths, products, total
from bayesal.selection.door import check_batch_size
from bayesal.types import Selection

STEPS = 10  # times the batch: so many steps at most until the batch is full
GONE = 1e-12  # of Σσ_n: a residual below is rounding


@dataclass(frozen=True, eq=False)
class Coreset:
    """B rows in the order they were first stepped to, their weights, and how far their weighted sum is from the pool's.

    ``steps``, ``step_sizes`` and ``residuals``: the row, γ and ‖𝓛 - 𝓛(w)‖ after each step. ``gains``: how much of
    ‖𝓛 - 𝓛(w)‖ the steps to each row took away; 0, as the weight is, for rows that no step led to: the last
    ``num_filled``.
    """

    positions: Int[Tensor, "B"]
    weights: Float[Tensor, "B"]
    gains: Float[Tensor, "B"]
    steps: tuple[int, ...]
    step_sizes: tuple[float, ...]
    residuals: tuple[float, ...]
    num_filled: int


@dataclass(frozen=True)
class ACSFrankWolfe:
    """min over sparse w >= 0 of ‖Σ_n L_n - Σ_n w_n L_n‖² with Σ_n w_n σ_n = σ, σ_n = ‖L_n‖ (Pinsler et al., 2019).

    A rule over rows ``N J``, dense or products: what each point's expected log-likelihood is under J draws, or anything
    else whose inner products are those of L_n (:mod:`bayesal.representations.signatures`). A Frank-Wolfe step goes to
    f = argmax_n (𝓛 - 𝓛(w))·L_n / σ_n (ties: the lowest) by the γ in [0, 1] that lowers the residual most. O(N J) a
    step, with the residual in float64.

    Steps may come back to a row. ``fill``: "continue" steps on until B different rows have weight, at most 10 B times;
    "exclude" never comes back. What is missing then, or once no step helps, are the rows that would be next: of the
    highest scores, and at last rows of length 0, which no step goes to.

    Raises ValueError for a batch below 0 or above N, and for rows that are not finite floats ``N J``.
    """

    fill: str = "continue"

    def __post_init__(self) -> None:
        if self.fill not in ("continue", "exclude"):
            raise ValueError(f"there is no fill {self.fill!r}; there are continue and exclude")

    def __call__(
        self, rows: Shaped[Tensor, "N ..."], batch_size: int, /, *, generator: Generator | None = None
    ) -> Int[Tensor, "B"]:
        """The positions of the batch; nothing is drawn."""
        return self.solve(rows, batch_size).positions

    def scores(self, rows: Shaped[Tensor, "N ..."], /) -> Float[Tensor, "N"]:
        """𝓛·L_n / σ_n: how long the pool's sum is in the direction of each row; 0 for rows of length 0."""
        rows = as_rows(rows, "signatures")
        return exact_products(rows, total(rows)) / lengths(rows, "signatures").clamp_min(
            torch.finfo(torch.float64).tiny
        )

    def solve(self, rows: Shaped[Tensor, "N ..."], batch_size: int) -> Coreset:
        """The batch with its weights, and every step to it."""
        check_batch_size(batch_size, len(rows))
        rows = as_rows(rows, "signatures")
        path = _Path(rows, lengths(rows, "signatures"))
        while len(path.weights) < batch_size and len(path.steps) < STEPS * batch_size:
            if not path.step(again=self.fill == "continue"):
                break
        return path.coreset(batch_size)

    def select(
        self, rows: Shaped[Tensor, "N ..."], batch_size: int, *, generator: Generator | None = None
    ) -> Selection:
        """The batch with what explains it: ``gains`` are by how much the steps to each row brought the sum nearer."""
        batch = self.solve(rows, batch_size)
        positions = batch.positions
        notes = (
            f"{batch_size - batch.num_filled} weighted points come as near to the pool as Frank-Wolfe gets in "
            f"{len(batch.steps)} steps, so the other {batch.num_filled} are those it would go to next",
        )
        return Selection(
            positions.tolist(), self.scores(rows)[positions], batch.gains, positions, notes if batch.num_filled else ()
        )


class _Path:
    """Where Frank-Wolfe is: the weights, by row in the order of first steps, and their weighted sum."""

    def __init__(self, rows: Float[Tensor, "N J"], long: Float[Tensor, "N"]) -> None:
        self.rows, self.long = rows, long
        self.pool = total(rows)
        self.reached = torch.zeros_like(self.pool)
        self.radius = float(long.sum())
        self.open = long > 0
        self.weights: dict[int, float] = {}
        self.gains: dict[int, float] = {}
        self.steps: list[int] = []
        self.step_sizes: list[float] = []
        self.residuals = [float(torch.linalg.vector_norm(self.pool))]

    def step(self, *, again: bool) -> bool:
        """One step, if any helps."""
        if not bool(self.open.any()) or self.residuals[-1] <= GONE * self.radius:
            return False
        missing = self.pool - self.reached
        towards, _ = best_along(self.rows, self.long, missing, self.open, lambda some, at: some / self.long[at])
        corner = self.rows[[towards]].double()[0] * (self.radius / self.long[towards])
        direction = corner - self.reached
        squared = float(direction @ direction)
        size = min(1.0, max(0.0, float(direction @ missing) / squared)) if squared > 0 else 0.0
        if size == 0:
            return False
        self.reached = self.reached + size * direction
        self.weights = {row: (1 - size) * weight for row, weight in self.weights.items()}
        self.weights[towards] = self.weights.get(towards, 0.0) + size * self.radius / float(self.long[towards])
        self.open[towards] &= again
        self.steps.append(towards)
        self.step_sizes.append(size)
        self.residuals.append(float(torch.linalg.vector_norm(self.pool - self.reached)))
        self.gains[towards] = self.gains.get(towards, 0.0) + self.residuals[-2] - self.residuals[-1]
        return True

    def coreset(self, batch_size: int) -> Coreset:
        """The rows that steps led to, filled up to the batch size."""
        gone = self.residuals[-1] <= GONE * self.radius
        scores = products(self.rows, self.pool if gone else self.pool - self.reached) / self.long
        rest = torch.where(self.long > 0, scores, -torch.inf)
        order = [row for row in rest.argsort(descending=True, stable=True).tolist() if row not in self.weights]
        positions = [*self.weights, *order[: batch_size - len(self.weights)]]

        def numbers(values: dict[int, float]) -> Float[Tensor, "B"]:
            return torch.tensor([values.get(row, 0.0) for row in positions], dtype=torch.float64).to(self.pool)

        return Coreset(
            torch.tensor(positions, dtype=torch.int64, device=self.pool.device),
            numbers(self.weights),
            numbers(self.gains),
            tuple(self.steps),
            tuple(self.step_sizes),
            tuple(self.residuals),
            batch_size - len(self.weights),
        )
