"""k-means where the rows are: Lloyd's iteration in torch, for rows on an accelerator."""

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from bayesal.numerics.linalg import blocks

ITERATIONS = 300
TOLERANCE = 1e-4  # of the mean variance of a coordinate: centres that move less have settled
PAIRS = 2**22  # distances held at once


def lloyd(
    rows: Float[Tensor, "N D"], k: int, *, restarts: int = 10, generator: Generator
) -> tuple[Int[Tensor, "N"], Float[Tensor, "k D"]]:
    """(which centre each row is nearest to, the centres) of the best of several runs from k-means++ seeds.

    Lloyd (1982); Arthur and Vassilvitskii (2007). A centre that loses all its rows moves to the row farthest from its
    own centre. Random numbers are drawn on the CPU, and the rows are not moved.
    """
    best: tuple[Tensor, Tensor] | None = None
    least = torch.inf
    for _ in range(restarts):
        assignment, centres, inertia = _settled(rows, _seeds(rows, k, generator))
        if best is None or inertia < least:
            best, least = (assignment, centres), inertia
    assert best is not None
    return best


def _settled(rows: Float[Tensor, "N D"], centres: Float[Tensor, "k D"]) -> tuple[Tensor, Tensor, float]:
    enough = TOLERANCE * float(rows.var(0, correction=0).mean())
    for _ in range(ITERATIONS):
        assignment, squared = nearest_centre(rows, centres)
        moved = _means(rows, assignment, squared, len(centres))
        shift = float((moved - centres).square().sum())
        centres = moved
        if shift <= enough:
            break
    assignment, squared = nearest_centre(rows, centres)
    return assignment, centres, float(squared.sum())


def nearest_centre(
    rows: Float[Tensor, "N D"], centres: Float[Tensor, "k D"]
) -> tuple[Int[Tensor, "N"], Float[Tensor, "N"]]:
    """(which centre is nearest, its squared distance) for every row; ties: the first."""
    assignment = torch.empty(len(rows), dtype=torch.int64, device=rows.device)
    squared = torch.empty(len(rows), dtype=torch.float64, device=rows.device)
    norms = centres.square().sum(1)
    for some in blocks(len(rows), len(centres), PAIRS):
        assignment[some] = torch.addmm(norms, rows[some], centres.mT, alpha=-2).argmin(1)
        squared[some] = (rows[some] - centres[assignment[some]]).square().sum(1, dtype=torch.float64)
    return assignment, squared


def _means(
    rows: Float[Tensor, "N D"], assignment: Int[Tensor, "N"], squared: Float[Tensor, "N"], k: int
) -> Float[Tensor, "k D"]:
    counts = assignment.bincount(minlength=k)
    centres = rows.new_zeros(k, rows.shape[1]).index_add_(0, assignment, rows) / counts.clamp_min(1)[:, None]
    empty = (counts == 0).nonzero().squeeze(1)
    centres[empty] = rows[squared.topk(len(empty)).indices]
    return centres


def _seeds(rows: Float[Tensor, "N D"], k: int, generator: Generator) -> Float[Tensor, "k D"]:
    """Rows drawn in proportion to their squared distance from those drawn before."""
    chosen = [int(torch.randint(len(rows), (), generator=generator))]
    squared = torch.full((len(rows),), torch.inf, dtype=torch.float64, device=rows.device)
    while len(chosen) < k:
        for some in blocks(len(rows), rows.shape[1], PAIRS):
            away = (rows[some] - rows[chosen[-1]]).square().sum(1, dtype=torch.float64)
            squared[some] = torch.minimum(squared[some], away)
        heights = squared.cumsum(0)
        drawn = torch.rand((), dtype=torch.float64, generator=generator).to(heights.device) * heights[-1]
        chosen.append(min(int(torch.searchsorted(heights, drawn, right=True)), len(rows) - 1))
    return rows[chosen].clone()
