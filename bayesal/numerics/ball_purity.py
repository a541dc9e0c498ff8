"""How far balls around rows can grow until they hold rows of another kind."""

import math

import torch
from jaxtyping import Float, Int, Shaped
from torch import Generator, Tensor

from bayesal.numerics.distance.of import measured
from bayesal.numerics.linalg import blocks

BALLS = 5_000  # whose growth is looked at
PAIRS = 2**22  # distances screened at once


def ball_purity(rows: Shaped[Tensor, "N D"], labels: Shaped[Tensor, "N"], radius: float) -> float:
    """The share of rows whose open ball {x : ‖x - x_n‖ < radius} holds rows of their own label only."""
    squared = _to_others(rows, labels, torch.arange(len(rows)))
    return float((squared >= radius**2).double().mean())


def pure_radius(
    rows: Shaped[Tensor, "N D"], labels: Shaped[Tensor, "N"], purity: float = 0.95, *, generator: Generator
) -> float:
    """The largest radius at which the share of pure balls is at least ``purity`` (Yehuda et al., NeurIPS 2022).

    That is a quantile of the distances to the nearest row of another label, so no grid is searched; infinite if there
    is but one label. Of more than 5,000 rows so many are drawn, whose balls among all rows stand for the others'.
    """
    if not 0 < purity <= 1:
        raise ValueError(f"purity is a share above 0 and up to 1, but it is {purity}")
    drawn = torch.randperm(len(rows), generator=generator)[:BALLS] if len(rows) > BALLS else torch.arange(len(rows))
    squared = _to_others(rows, labels, drawn).sort().values
    at = float(squared[int((1 - purity) * len(squared) + 1e-9)])
    radius = math.sqrt(at)
    return radius if radius**2 <= at else math.nextafter(radius, 0)


def _to_others(rows: Shaped[Tensor, "N D"], labels: Shaped[Tensor, "N"], drawn: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
    """The squared distance from rows drawn to the nearest of another label; infinite where there is none."""
    ready = measured(rows, None)
    drawn, labels = drawn.to(rows.device), labels.to(rows.device)
    squared = torch.full((len(rows),), torch.inf, dtype=torch.float64, device=rows.device)
    for label in labels[drawn].unique():
        own = drawn[labels[drawn] == label]
        others = (labels != label).nonzero().squeeze(1)
        for some in blocks(len(others), len(own), PAIRS):
            points = ready.of_parts(tuple(part[others[some]] for part in ready.parts))
            positions, closer, _ = ready.closer(own, points, squared[own])
            squared[positions] = closer
    return squared[drawn]
