"""Problem P by proximal iterative hard thresholding."""

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from bayesal.numerics.along import combined, products
from bayesal.selection.door import check_batch_size
from bayesal.selection.matching_pursuit import refitted_pursuit
from bayesal.selection.sparse_problem import TINY, SparseBatch, SparseProblem

STEPS = 300  # of the descent, at most
POWERS = 50  # of the power iteration, at most: what is missing then, a percent or so, descent can do without
UNCHANGED = 10  # iterations with the same rows: then they are the batch
CHANGE = 1e-5  # of the weights: less is none


def proximal_iht(problem: SparseProblem, batch_size: int, *, generator: Generator) -> SparseBatch:
    """Gradient steps u = w - (1/L)(2Φ(Φᵀw - v) + 2β(w - 1)), L = 2(‖Φ‖² + β), each followed by :func:`proximal`.

    Descent is local, so it starts once from w = 0 and once from :func:`refitted_pursuit`; weights are fitted anew at
    the end, and the better batch is returned, the largest weight first. ``generator``: the first vector of the power
    iteration for ‖Φ‖. O(N m) a step. Raises ValueError for a batch below 0 or above N.
    """
    check_batch_size(batch_size, len(problem))
    lipschitz = 2 * (squared_norm(problem, generator=generator) + problem.beta) or 1.0
    greedy = refitted_pursuit(problem, batch_size)
    nothing = greedy.positions[:0], greedy.weights[:0]
    batches = [
        _descended(problem, batch_size, lipschitz, *start) for start in (nothing, (greedy.positions, greedy.weights))
    ]
    return min(batches, key=lambda batch: batch.objective)


def proximal(
    point: Float[Tensor, "N"], bonus: Float[Tensor, "N"], batch_size: int
) -> tuple[Int[Tensor, "B"], Float[Tensor, "B"]]:
    """The exact minimum over w >= 0 with B weights above 0 of ½‖w - u‖² - Σ_j 1[w_j > 0] b_j: where and how much.

    Weighing row j gains ½u_j² + b_j where u_j > 0, else at most b_j: the B largest gains keep w_j = u_j (ties: the
    lowest). If fewer than B are above 0, the rest are those of the largest bonus, with a tiny weight.
    """
    above = point > 0
    gains = (0.5 * point.square() + bonus).masked_fill(~above, -torch.inf)
    largest = gains.argsort(descending=True, stable=True)[: min(batch_size, int(above.sum()))]
    others = bonus.masked_fill(above, -torch.inf).argsort(descending=True, stable=True)
    positions = torch.cat([largest, others[: batch_size - len(largest)]]).sort().values
    return positions, point[positions].clamp_min(TINY)


def squared_norm(problem: SparseProblem, *, generator: Generator) -> float:
    """‖Φ‖², the largest eigenvalue of ΦᵀΦ, by power iteration."""
    vector = torch.randn(problem.target.shape, dtype=torch.float64, generator=generator).to(problem.target)
    largest = 0.0
    for _ in range(POWERS):
        vector = vector / torch.linalg.vector_norm(vector).clamp_min(TINY)
        along = products(problem.rows, vector)
        before, largest = largest, float(along.square().sum())
        if largest - before <= 1e-9 * largest:
            break
        vector = combined(along, problem.rows)
    return largest


def _descended(
    problem: SparseProblem,
    batch_size: int,
    lipschitz: float,
    positions: Int[Tensor, "P"],
    weights: Float[Tensor, "P"],
) -> SparseBatch:
    current = torch.zeros_like(problem.variances)
    current[positions] = weights
    unchanged = 0
    for _ in range(STEPS):
        slope = 2 * problem.beta * (current - 1) - 2 * products(problem.rows, problem.residual(positions, weights))
        bonus = problem.alpha * problem.variances / lipschitz
        before, support = current, positions
        positions, weights = proximal(current - slope / lipschitz, bonus, batch_size)
        current = torch.zeros_like(before)
        current[positions] = weights
        unchanged = unchanged + 1 if torch.equal(positions, support) else 0
        change = torch.linalg.vector_norm(current - before)
        if unchanged >= UNCHANGED or float(change) <= CHANGE * float(torch.linalg.vector_norm(before)):
            break
    return _ordered(problem, positions)


def _ordered(problem: SparseProblem, positions: Int[Tensor, "B"]) -> SparseBatch:
    """The batch with its best weights, the largest first; gains are what each adds to those before it."""
    weights = problem.refitted(positions).clamp_min(TINY)
    order = weights.float().argsort(descending=True, stable=True)  # what differs by rounding is equal
    positions, weights = positions[order], weights[order]
    left = [problem.objective(positions[:size], weights[:size]) for size in range(len(positions) + 1)]
    return SparseBatch(positions, weights, -torch.tensor(left, dtype=torch.float64).diff(), left[-1])
