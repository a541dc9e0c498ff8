"""A batch that trades one score of its points against another without weighing them: from the front of all batches."""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped
from torch import Generator, Tensor

from bayesal.numerics.mmd import squared_mmd
from bayesal.numerics.pareto import falling, layers
from bayesal.recipe import recipe
from bayesal.selection.door import check_batch_size
from bayesal.selection.subset_archive import SubsetArchive, random_subsets, supported_subsets

CHECK = 200  # subsets drawn between two looks at whether the front still moves
WINDOW = 10  # looks that are compared
STILL = 0.01  # of the discrepancy, by which it may still vary
MOST = 200  # subsets of a front, evenly along it, by which fronts are compared


@dataclass(frozen=True, repr=False)
class Pareto:
    """Monte-Carlo Pareto optimisation (POAL; Zhan, Dai, Wang, Li, Xiong, Dou and Chan, TMLR 2023).

    Rows are two scores ``N 2``, both of them better when larger: informativeness e, and confidence c that a point
    belongs to what is learned. A batch has the sums of both; it is dominated by one that has at least as much of both
    and more of one. (1) Points are kept layer after layer (``numerics.pareto.layers``) until there are
    ``candidates`` · B. (2) Up to ``draws`` random batches of those (default: B · kept; the authors have 2e B² · kept
    for small tables) leave the front of what was seen. It ends early when the maximum mean discrepancy between fronts,
    over the last ten looks, varies by no more than 0.01 in mean and standard deviation. (3) Of that front the batch
    whose points are in the most batches of it is chosen, its points in the order of e.

    ``seeded``: the front starts with all batches that are best for some weights of e and c, which are found exactly.
    Random batches alone stay far below them where B is large. Off by default: on digits with strangers that nobody can
    label (batches of 20, 3 seeds) 54 of 100 bought points were strangers with it, 37 without.

    Only the order of batches matters, which a shift or a positive scale of a score does not change. Raises ValueError
    for a batch below 0 or above N, for rows that are not two scores, for scores that are not finite.
    """

    candidates: float | int = 6
    draws: int | None = None
    seeded: bool = False

    __repr__ = recipe

    def __post_init__(self) -> None:
        if not (self.candidates >= 1 and math.isfinite(self.candidates)):
            raise ValueError(f"candidates must be at least 1 for each point of a batch, but it is {self.candidates}")
        if self.draws is not None and self.draws < 1:
            raise ValueError(f"at least one batch must be drawn, but draws is {self.draws}")

    def __call__(self, rows: Shaped[Tensor, "N ..."], batch_size: int, /, *, generator: Generator) -> Int[Tensor, "B"]:
        """The positions of B different rows."""
        values = _checked(rows, batch_size)
        if batch_size in (0, len(values)):
            return falling(values)[:batch_size]
        kept = self.kept(values, batch_size)
        chosen = self.search(values[kept], batch_size, generator=generator).consensus()
        batch = kept[chosen]
        return batch[falling(values[batch])]

    def scores(self, rows: Shaped[Tensor, "N ..."], /) -> Float[Tensor, "N"]:
        """Each row's informativeness e."""
        return _checked(rows, 0)[:, 0]

    def kept(self, values: Float[Tensor, "N 2"], batch_size: int) -> Int[Tensor, "K"]:
        """The rows of the first layers that hold ``candidates`` · B together, in ascending order."""
        layer = layers(values)
        enough = min(len(values), math.ceil(self.candidates * batch_size))
        return (layer <= layer.sort().values[enough - 1]).nonzero().squeeze(1)

    def search(self, values: Float[Tensor, "K 2"], batch_size: int, *, generator: Generator) -> SubsetArchive:
        """The front of the batches that were seen, of rows that are all kept."""
        archive = SubsetArchive.empty(batch_size, values)
        if self.seeded:
            archive = archive.and_subsets(supported_subsets(values, batch_size), values)
        draws = batch_size * len(values) if self.draws is None else self.draws
        standing = Standing(values, batch_size)
        for start in range(0, draws, CHECK):
            count = min(CHECK, draws - start)
            drawn = random_subsets(count, batch_size, len(values), generator=generator).to(values.device)
            archive = archive.and_subsets(drawn, values)
            if standing.still(archive.sums):
                break
        return archive


class Standing:
    """Whether a front has come to a rest, told from how far it is from what it was at the last looks."""

    def __init__(self, values: Float[Tensor, "K 2"], batch_size: int) -> None:
        ordered = values.sort(0).values
        self.low = ordered[:batch_size].sum(0)
        spread = ordered[len(values) - batch_size :].sum(0) - self.low
        self.spread = torch.where(spread > 0, spread, 1.0)
        self.fronts: deque[Tensor] = deque(maxlen=WINDOW)
        self.means: deque[float] = deque(maxlen=WINDOW)
        self.deviations: deque[float] = deque(maxlen=WINDOW)

    def still(self, sums: Float[Tensor, "A 2"]) -> bool:
        """Take a look; both sums count on the scale [0, 1] of what a batch can have."""
        thinned = torch.linspace(0, len(sums) - 1, min(MOST, len(sums)), device=sums.device).round().long()
        front = (sums[thinned] - self.low) / self.spread
        if len(self.fronts) == WINDOW:
            apart = torch.tensor([0.0 if torch.equal(front, old) else squared_mmd(front, old) for old in self.fronts])
            self.means.append(float(apart.mean()))
            self.deviations.append(float(apart.std(correction=0)))
        self.fronts.append(front)
        return len(self.means) == WINDOW and _range(self.means) <= STILL and _range(self.deviations) <= STILL


def _range(numbers: Iterable[float]) -> float:
    found = list(numbers)
    return max(found) - min(found)


def _checked(rows: Tensor, batch_size: int) -> Float[Tensor, "N 2"]:
    if rows.ndim != 2 or rows.shape[1] != 2:
        raise ValueError(
            f"Pareto chooses by two scores a row, but the rows have the shape {tuple(rows.shape)}; put them side by "
            "side (strategies.Stack)"
        )
    check_batch_size(batch_size, len(rows))
    broken = ~rows.isfinite().all(1)
    if bool(broken.any()):
        raise ValueError(f"both scores of a row must be finite, but those of row {int(broken.nonzero()[0])} are not")
    return rows.double()
