"""Problem P greedily: the row that lowers the objective most, one after the other."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from bayesal.numerics.along import best_along, exact_products
from bayesal.selection.door import check_batch_size
from bayesal.selection.sparse_problem import TINY, SparseBatch, SparseProblem, filled

SAME = 1e-12  # of the objective: what rounding makes of equal ones


def matching_pursuit(problem: SparseProblem, batch_size: int) -> SparseBatch:
    """Only the new weight moves: w_j = max((Φ_j·r + β) / (‖Φ_j‖² + β), 0) for r = v - Φᵀw, which lowers the objective
    by (Φ_j·r + β)² / (‖Φ_j‖² + β) + α σ²_j. O(N m) a pick.

    When no row is left that wants a weight above 0, those of the largest variance follow with a tiny one. Raises
    ValueError for a batch below 0 or above N.
    """
    check_batch_size(batch_size, len(problem))
    curvature = problem.lengths.square() + problem.beta

    def decrease(product: Float[Tensor, "P"], positions: Int[Tensor, "P"]) -> Float[Tensor, "P"]:
        wanted = product + problem.beta
        fallen = wanted.square() / curvature[positions] + problem.alpha * problem.variances[positions]
        return fallen.masked_fill((wanted <= 0) | (curvature[positions] == 0), -torch.inf)

    residual, open_ = problem.target, _all_open(problem)
    positions: list[int] = []
    weights: list[float] = []
    gains: list[float] = []
    while len(positions) < batch_size:
        best, gain = best_along(problem.rows, problem.lengths, residual, open_, decrease)
        if gain == -torch.inf:
            break
        row = problem.some(torch.tensor([best]))[0]
        weight = float((row @ residual + problem.beta) / curvature[best])
        residual, open_[best] = residual - weight * row, False
        positions.append(best)
        weights.append(weight)
        gains.append(gain)
    return _batch(problem, positions, weights, gains, batch_size)


def refitted_pursuit(problem: SparseProblem, batch_size: int) -> SparseBatch:
    """All weights are fitted anew, by non-negative least squares, for every row that might be added.

    Few of them need to be: adding row j lowers the objective by at most c²/s + α σ²_j, with c = Φ_j·r + β and s what is
    left of ‖Φ_j‖² + β beside the rows taken, and exactly by that while all weights stay above 0. O(N m) a pick in
    float64. Rows that would get no weight follow as in :func:`matching_pursuit`, and errors are the same.
    """
    check_batch_size(batch_size, len(problem))
    open_, left, columns = _all_open(problem), problem.lengths.square() + problem.beta, []
    rounding = SAME * (problem.lengths * torch.linalg.vector_norm(problem.target) + problem.beta)
    positions: list[int] = []
    gains: list[float] = []
    objective = problem.objective(_index(positions), problem.refitted(_index(positions)))
    while len(positions) < batch_size:
        weights = problem.refitted(_index(positions))
        wanted = exact_products(problem.rows, problem.residual(_index(positions), weights)) + problem.beta
        useful = (open_ & (wanted > rounding)).nonzero().squeeze(1)
        if not len(useful):
            break
        misfit = problem.misfit(_index(positions), weights) - wanted[useful].square() / left[useful].clamp_min(1e-300)
        uncertain = problem.variances[positions].sum() + problem.variances[useful]
        best, lowest = _least(problem, positions, useful, misfit.clamp_min(0) - problem.alpha * uncertain)
        columns.append(_column(problem, columns, best, left))
        left = (left - columns[-1].square()).clamp_min(0)
        open_[best] = False
        positions.append(best)
        gains.append(objective - lowest)
        objective = lowest
    return _batch(problem, positions, problem.refitted(_index(positions)).tolist(), gains, batch_size)


def _least(
    problem: SparseProblem, taken: list[int], candidates: Int[Tensor, "R"], bounds: Float[Tensor, "R"]
) -> tuple[int, float]:
    """The candidate with the least objective after refitting, and that: lowest bound first, while a bound is lower."""
    bounds, best, lowest = bounds.clone(), -1, torch.inf
    for _ in range(len(candidates)):
        place = int(bounds.argmin())  # argmin gives the first of equals
        if best >= 0 and float(bounds[place]) >= lowest - SAME * abs(lowest):
            break
        support = _index([*taken, int(candidates[place])])
        objective = problem.objective(support, problem.refitted(support))
        if best < 0 or objective < lowest - SAME * abs(lowest):
            best, lowest = int(candidates[place]), objective
        bounds[place] = torch.inf
    return best, lowest


def _column(
    problem: SparseProblem, columns: list[Float[Tensor, "N"]], position: int, left: Float[Tensor, "N"]
) -> Float[Tensor, "N"]:
    """What all rows share with this one beside the rows taken: a column of a partial Cholesky factor."""
    if float(left[position]) <= SAME * float(problem.lengths[position].square() + problem.beta):
        return torch.zeros_like(left)
    shared = exact_products(problem.rows, problem.some(_index([position]))[0])
    for column in columns:
        shared.sub_(column, alpha=float(column[position]))
    return shared / left[position].sqrt()


def _batch(
    problem: SparseProblem, positions: list[int], weights: list[float], gains: list[float], batch_size: int
) -> SparseBatch:
    """The batch, filled up to its size, with no weight of 0."""
    everything = _index(filled(problem, positions, batch_size))
    more = problem.alpha * problem.variances[everything[len(positions) :]]
    ones = torch.tensor(weights, dtype=torch.float64, device=problem.target.device).clamp_min(TINY)
    heavy = torch.cat([ones, ones.new_full((len(more),), TINY)])
    fallen = torch.cat([torch.tensor(gains, dtype=torch.float64, device=more.device), more])
    return SparseBatch(everything.to(problem.target.device), heavy, fallen, problem.objective(everything, heavy))


def _all_open(problem: SparseProblem) -> Bool[Tensor, "N"]:
    return torch.ones(len(problem), dtype=torch.bool, device=problem.target.device)


def _index(positions: list[int]) -> Int[Tensor, "P"]:
    return torch.tensor(positions, dtype=torch.int64)
