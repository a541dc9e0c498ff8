"""Farthest first in groups of like density, with more picks where rows are sparse."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Generator, Tensor

from bayesal.numerics.hashing import check_hash, hashed_mean_squared_distances
from bayesal.numerics.natural_breaks import natural_breaks
from bayesal.numerics.neighbours import check_neighbours, mean_squared_distances
from bayesal.selection.group_shares import check_temperature, group_shares
from bayesal.selection.k_center import NOTHING_LEFT
from bayesal.selection.nearest import Nearest

DENSITIES = ("lsh", "exact")


@dataclass(frozen=True, eq=False)
class Grouped:
    """N rows in groups 0 (the sparsest) to H - 1, how many of each are to be picked, and how far all are from what is
    taken. ``sparsity``: the mean squared distance to a row's nearest neighbours; ``known``: whether rows were given."""

    nearest: Nearest
    sparsity: Float[Tensor, "N"]
    group: Int[Tensor, "N"]
    shares: tuple[int, ...]
    sizes: tuple[int, ...]
    known: bool = False


@dataclass(frozen=True)
class DensityKCenter:
    """gain(n | S) = min_{s ∈ S} ‖x_n - x_s‖², and the row picked has the largest gain in its group.

    DACS (Kim and Shin, KDD 2022). The density of a row is minus the mean squared distance to its k ``neighbours``,
    "exact" or by angular hashes ("lsh"; ``buckets``, ``chunk``, ``rounds`` are those of
    :func:`~bayesal.numerics.hashing.hashed_mean_squared_distances`). Natural breaks of the densities make H ``groups``,
    and b_h rows are picked of each, b = B softmax((1 - n_h / N) / τ), n_h its size and τ the ``temperature``, within
    what it has (:func:`~bayesal.selection.group_shares.group_shares`). Groups come one after the other, the sparsest
    first; in each the row farthest from all that is known or taken, in any group, is next (ties: the lowest). Where no
    row is known a group starts with its sparsest row; before anything is taken the gain is the mean squared distance to
    neighbours.

    Rows are features ``N D``; the paper's have length 1. With one group, and rows that are known, it is
    :class:`~bayesal.selection.k_center.KCenter`. Groups that are taken whole, fewer groups or neighbours than asked
    for, and copies of what is taken are noted. ``batch_size`` is what the shares are for; ``grow`` sets it.

    Raises ValueError for another density, settings out of range, rows that are no features, NaN and infinities.
    """

    density: str = "lsh"
    groups: int = 4
    temperature: float | int = 0.25
    neighbours: int = 20
    buckets: int = 100
    chunk: int = 256
    rounds: int = 4
    batch_size: int = 1

    def __post_init__(self) -> None:
        if self.density not in DENSITIES:
            raise ValueError(f"density is one of {', '.join(DENSITIES)}, but it is {self.density!r}")
        if self.groups < 1:
            raise ValueError(f"rows are cut into at least 1 group, but {self.groups} were asked for")
        check_temperature(self.temperature)
        check_neighbours(self.neighbours)
        check_hash(self.buckets, self.chunk, self.rounds)

    def of_size(self, batch_size: int, /) -> "DensityKCenter":
        """For a batch of B rows."""
        return replace(self, batch_size=batch_size)

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> Grouped:
        """Groups and their shares; nothing taken yet."""
        nearest = Nearest.to_nothing(rows, None)
        sparsity = self._sparsity(rows.detach(), generator)
        group = natural_breaks(-sparsity, self.groups)
        sizes = tuple(torch.bincount(group).tolist())
        shares = tuple(group_shares(sizes, min(self.batch_size, len(rows)), self.temperature))
        return Grouped(nearest, sparsity, group, shares, sizes)

    def know(self, state: Grouped, points: Shaped[Tensor, "P ..."], /) -> Grouped:
        """These rows are centres, and groups start as far from them as can be."""
        return replace(self.take(state, points), known=state.known or len(points) > 0)

    def gains(self, state: Grouped, /) -> Float[Tensor, "N"]:
        """The squared distance of every row to the nearest that is taken; before that, to its neighbours."""
        return (state.nearest.up_to_date().squared if state.nearest.taken else state.sparsity).clone()

    def best(self, state: Grouped, open: Bool[Tensor, "N"], /) -> tuple[int, float]:
        """The farthest open row of the first group that has not had its share."""
        inside, started = _current(state, open)
        if state.known or started:
            return state.nearest.farthest(inside)
        position = int(state.sparsity.masked_fill(~inside, -1).argmax())  # argmax gives the first of equals
        if not state.nearest.taken:
            return position, float(state.sparsity[position])
        state.nearest.refresh(torch.tensor([position], device=open.device))
        return position, float(state.nearest.squared[position])

    def take(self, state: Grouped, points: Shaped[Tensor, "P ..."], /) -> Grouped:
        """Rows near these are covered too."""
        return replace(state, nearest=state.nearest.and_to(points))

    def notes(self, state: Grouped, /) -> tuple[str, ...]:
        """What was other than asked for."""
        return tuple(self._notes(state))

    def _sparsity(self, rows: Tensor, generator: Generator) -> Float[Tensor, "N"]:
        if self.density == "exact":
            return mean_squared_distances(rows, self.neighbours)
        sizes = {"buckets": self.buckets, "chunk": self.chunk, "rounds": self.rounds}
        return hashed_mean_squared_distances(rows, self.neighbours, **sizes, generator=generator)

    def _notes(self, state: Grouped) -> Iterator[str]:
        n, sizes = len(state.sparsity), state.sizes
        if n - 1 < self.neighbours:
            yield f"densities of {n} rows are over {n - 1} neighbours, not {self.neighbours}"
        if len(sizes) < self.groups:
            yield f"the densities make {len(sizes)} groups, not {self.groups}: no more of them differ"
        if sum(state.shares) < n:
            for h, size in enumerate(sizes):
                if state.shares[h] == size:
                    yield f"group {h + 1} of {len(sizes)}, from sparse to dense, is taken whole: it has {size} rows"
        if state.nearest.nothing_is_left():
            yield NOTHING_LEFT.format(how="the first open rows")


def _current(state: Grouped, open_: Bool[Tensor, "N"]) -> tuple[Bool[Tensor, "N"], bool]:
    """The open rows of the first group that has not had its share, and whether any of it is picked."""
    picked = torch.bincount(state.group[~open_], minlength=len(state.sizes)).tolist()
    for h, share in enumerate(state.shares):
        if picked[h] < share:
            return open_ & (state.group == h), picked[h] > 0
    return open_, True
