"""The seeding of k-means++: each pick is drawn in proportion to its squared distance from all that are taken."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Generator, Tensor

from bayesal.selection.greedy import grow
from bayesal.selection.k_center import NOTHING_LEFT
from bayesal.selection.nearest import Nearest
from bayesal.types import Kernel

FIRSTS = ("max_norm", "uniform")
PROPOSALS = 16  # drawn at once from distances that may be too large


@dataclass(frozen=True, eq=False)
class Seeding:
    """What is taken, and the seed of the next pick, which depends on how many are taken, not on how."""

    nearest: Nearest
    seed: int
    generator: Generator


@dataclass(frozen=True)
class KMeansPlusPlus:
    """P(n | S) ∝ min_{s ∈ S} ‖x_n - x_s‖² among the open rows: the gain of the row drawn.

    The seeding of k-means++ (Arthur and Vassilvitskii, 2007), BADGE's choice of gradient embeddings. ``first``: how to
    start where nothing is taken or ``given``, "max_norm" with the longest row (BADGE's released rule), "uniform" with
    any. Rows and kernel are as for :class:`~bayesal.selection.k_center.KCenter`, which is the same without chance.

    The law is exact, though few distances are computed: a row is proposed in proportion to an old distance, which is
    never too small, and kept with probability new / old. If all rows are copies of what is taken they are drawn evenly,
    which is noted. Raises ValueError for another ``first``, rows that are no features where there is no kernel, NaN and
    infinities.
    """

    first: str = "max_norm"
    kernel: Kernel | None = None

    def __post_init__(self) -> None:
        if self.first not in FIRSTS:
            raise ValueError(f"first is one of {', '.join(FIRSTS)}, but it is {self.first!r}")

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> Seeding:
        """Nothing taken yet."""
        own = Generator().manual_seed(int(torch.randint(2**63 - 1, (), generator=generator)))
        return _moved_on(Nearest.to_nothing(rows, self.kernel), own, 1)

    def gains(self, state: Seeding, /) -> Float[Tensor, "N"]:
        """What every row is drawn in proportion to; its squared length where the longest is first."""
        nearest = state.nearest
        if nearest.taken:
            return nearest.up_to_date().squared.clone()
        return torch.ones_like(nearest.squared) if self.first == "uniform" else nearest.rows.squared_norms()

    def best(self, state: Seeding, open: Bool[Tensor, "N"], /) -> tuple[int, float]:
        """The open row that is drawn: the same whenever this state is asked."""
        generator = Generator().manual_seed(state.seed)
        if state.nearest.taken:
            return _drawn(state.nearest, open, generator)
        return (_evenly(open, generator), 1.0) if self.first == "uniform" else state.nearest.longest(open)

    def take(self, state: Seeding, points: Shaped[Tensor, "P ..."], /) -> Seeding:
        """Rows near these are drawn more rarely."""
        return _moved_on(state.nearest.and_to(points), state.generator.clone_state(), len(points))

    def notes(self, state: Seeding, /) -> tuple[str, ...]:
        """Whether there were only copies left to draw."""
        return (NOTHING_LEFT.format(how="drawn evenly"),) if state.nearest.nothing_is_left() else ()


def kmeans_plus_plus(
    rows: Shaped[Tensor, "N ..."],
    batch_size: int,
    *,
    first: str = "max_norm",
    given: Shaped[Tensor, "P ..."] | None = None,
    kernel: Kernel | None = None,
    generator: Generator,
) -> Int[Tensor, "B"]:
    """The positions of B rows drawn by :class:`KMeansPlusPlus`, in the order drawn: a rule."""
    return grow(KMeansPlusPlus(first, kernel), rows, batch_size, given=given, generator=generator).positions


def _moved_on(nearest: Nearest, generator: Generator, steps: int) -> Seeding:
    return Seeding(nearest, int(torch.randint(2**63 - 1, (steps,), generator=generator)[-1]), generator)


def _drawn(nearest: Nearest, open_: Bool[Tensor, "N"], generator: Generator) -> tuple[int, float]:
    """Rejection sampling: rows proposed in proportion to bounds, until one is accepted."""
    if bool(nearest.squared.max() == torch.inf):
        nearest.bounded()
    while True:
        bounds = nearest.squared.masked_fill(~open_, 0)
        heights = bounds.cpu().cumsum(0)
        if float(heights[-1]) == 0:
            return _evenly(open_, generator), 0.0
        where, whether = torch.rand(2, PROPOSALS, dtype=torch.float64, generator=generator)
        below = torch.nextafter(heights[-1], heights.new_zeros(()))
        proposed = torch.searchsorted(heights, (where * heights[-1]).clamp_max(below), right=True).to(bounds.device)
        nearest.refresh(proposed)
        accepted = whether.to(bounds.device) * bounds[proposed] < nearest.squared[proposed]
        if bool(accepted.any()):
            position = int(proposed[accepted][0])
            return position, float(nearest.squared[position])
        nearest.up_to_date()


def _evenly(open_: Bool[Tensor, "N"], generator: Generator) -> int:
    positions = open_.nonzero().squeeze(1)
    return int(positions[int(torch.randint(len(positions), (), generator=generator))])
