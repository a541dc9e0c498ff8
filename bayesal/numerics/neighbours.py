"""The k nearest neighbours of every row: exact distances, and never all of them at once."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from bayesal.numerics.distance.screen import less_products, rounding, unit
from bayesal.numerics.linalg import blocks
from bayesal.numerics.smallest import smallest

PAIRS = 2**20  # looked at together: 4 MiB in float32
DECIDED = 2**17  # numbers of rows whose differences are taken together: 1 MiB in float64
SPARE = 12  # more neighbours than are asked for, so that rounding seldom leaves in doubt which are the nearest


@dataclass(frozen=True, eq=False)
class Screened:
    """Rows ready to be compared: ``screen`` is (x - mean) / ``scale`` in float32, ``own`` its squared norms."""

    rows: Float[Tensor, "N D"]
    screen: Float[Tensor, "N D"]
    own: Float[Tensor, "N"]
    scale: float

    @classmethod
    def of(cls, rows: Shaped[Tensor, "N ..."]) -> "Screened":
        """Raises ValueError for rows that are no features ``N D``, NaN and infinities."""
        rows = rows.detach()
        if rows.ndim != 2 or not rows.is_floating_point():
            raise ValueError(
                f"neighbours are looked for among features of shape (N, D), but these are {rows.dtype} of shape "
                f"{tuple(rows.shape)}"
            )
        scale = unit(rows, "rows")
        mean = rows.mean(0, dtype=torch.float64) if len(rows) else rows.new_zeros(rows.shape[1], dtype=torch.float64)
        screen = torch.empty(rows.shape, dtype=torch.float32, device=rows.device)
        for some in blocks(len(rows), rows.shape[1]):
            screen[some] = (rows[some].double() - mean) / scale
        return cls(rows, screen, torch.linalg.vector_norm(screen, dim=1).square_(), scale)

    def __len__(self) -> int:
        return len(self.own)


def mean_squared_distances(rows: Shaped[Tensor, "N ..."], neighbours: int) -> Float[Tensor, "N"]:
    """(1/k) Σ_{j in kNN(n)} ‖x_n - x_j‖² in float64, over the k = ``neighbours`` nearest other rows; N² D operations.

    With fewer other rows, over all of them; 0 where there are none. Copies of a row are neighbours at distance 0. Pairs
    are screened in float32 and decided as differences in float64. Raises ValueError for fewer than 1 neighbour, rows
    that are no features ``N D``, NaN and infinities.
    """
    check_neighbours(neighbours)
    ready = Screened.of(rows)
    k = min(neighbours, len(ready) - 1)
    result = ready.own.new_zeros(len(ready), dtype=torch.float64)
    if k < 1:
        return result
    for some in blocks(len(ready), len(ready), PAIRS):
        result[some] = _nearest(ready, some, k).mean(1)
    return result


def check_neighbours(neighbours: int) -> None:
    """At least 1; else ValueError."""
    if neighbours < 1:
        raise ValueError(f"a density needs at least 1 neighbour, but {neighbours} were asked for")


def lower_bounds(
    screen: Float[Tensor, "N D"], own: Float[Tensor, "N"], some: slice, others: slice
) -> Float[Tensor, "n P"]:
    """No more than the squared distances in the screen, less what is due to the rows; infinite to a row itself."""
    at_least = own[others] * (1 - rounding(screen.shape[1]))
    screened = less_products(at_least, screen[some], screen[others])
    itself = torch.arange(some.start, some.start + len(screened), device=screened.device)
    screened[itself - some.start, itself - others.start] = torch.inf
    return screened


def decided(
    rows: Float[Tensor, "n D"], others: Float[Tensor, "N D"], which: Int[Tensor, "n k"]
) -> Float[Tensor, "n k"]:
    """The squared distance from each row to its k others, as differences in float64."""
    squared = torch.empty(which.shape, dtype=torch.float64, device=rows.device)
    for some in blocks(len(rows), which.shape[1] * rows.shape[1], DECIDED):
        squared[some] = (others[which[some]].double() - rows[some, None].double()).square().sum(2)
    return squared


def _nearest(ready: Screened, some: slice, k: int) -> Float[Tensor, "n k"]:
    """The k least squared distances from these rows to all others, in order."""
    rows, own = ready.rows[some], ready.own[some]
    screened = lower_bounds(ready.screen, ready.own, some, slice(0, len(ready)))
    bounds, which = smallest(screened, min(k + SPARE, len(ready) - 1))
    squared = decided(rows, ready.rows, which).sort(1).values[:, :k]
    if which.shape[1] == len(ready) - 1:
        return squared
    left_out = (bounds[:, -1] + own * (1 - rounding(rows.shape[1]))).double() * ready.scale**2  # at least so far
    doubtful = ((squared[:, -1] > left_out) & (squared[:, -1] > 0)).nonzero().squeeze(1)
    for part in blocks(len(doubtful), len(ready), PAIRS):
        again = doubtful[part]
        distances = _float64(ready, again + some.start)
        squared[again] = decided(rows[again], ready.rows, smallest(distances, k)[1])
    return squared


def _float64(ready: Screened, positions: Int[Tensor, "n"]) -> Float[Tensor, "n N"]:
    """Squared distances from a few rows to all others, less what is due to the rows."""
    centre = ready.rows[positions[0]].double()
    rows = ready.rows[positions].double() - centre
    distances = torch.empty(len(positions), len(ready), dtype=torch.float64, device=rows.device)
    for some in blocks(len(ready), rows.shape[1]):
        others = ready.rows[some].double() - centre
        distances[:, some] = torch.addmm(others.square().sum(1), rows, others.mT, alpha=-2)
    distances[torch.arange(len(positions), device=rows.device), positions] = torch.inf
    return distances
