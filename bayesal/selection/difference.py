"""Gains that are a difference: what a label tells about the hypotheses, less what it tells where more is known."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from bayesal.selection.configurations import Configurations, rounding
from bayesal.selection.rows import log_probabilities

FAVOURITES = 64  # rows computed at once
GROUPS = 512  # configurations that tell, coarsely, which rows are worth computing
FINALISTS = 128  # rows computed where gains are sampled


@dataclass(frozen=True, eq=False)
class Difference:
    """gain(n) = I_1(y_n; w | y_S) - I_2(y_n; w | y_S): of ``rows`` under ``known``, of ``others`` under ``informed``.

    ``lowest``: a gain cannot be less; what is, comes from rounding and sampling. ``bounds[n]`` is at least I_1 of row
    n, which only falls while a batch grows, and so at least the gain; ``guesses[n]`` is the gain when it was last
    computed. ``gains`` and ``best`` write better ones here, which only makes ``best`` faster. The generator is the
    state's own, so that the same points taken from the same state are the same.
    """

    rows: Float[Tensor, "N K C"]
    others: Float[Tensor, "N K2 C"]
    known: Configurations
    informed: Configurations
    lowest: float
    notes: tuple[str, ...]
    generator: Generator
    bounds: Float[Tensor, "N"]
    guesses: Float[Tensor, "N"]

    @classmethod
    def of(
        cls,
        rows: Float[Tensor, "N K C"],
        others: Float[Tensor, "N K2 C"],
        informed: Configurations,
        *,
        lowest: float,
        notes: tuple[str, ...] = (),
        generator: Generator,
    ) -> "Difference":
        """Nothing taken and nothing computed yet."""
        known = Configurations.none_taken(rows.shape[1], dtype=informed.posteriors.dtype, device=rows.device)
        unknown = torch.full((len(rows),), torch.inf, dtype=torch.float64, device=rows.device)
        own = Generator().manual_seed(int(torch.randint(2**63 - 1, (), generator=generator)))
        return cls(rows, others, known, informed, lowest, notes, own, unknown, unknown.clone())

    def taken(self, points: Float[Tensor, "P K C"], others: Float[Tensor, "P K2 C"], most: int) -> "Difference":
        """The labels of these points will be known too, on both sides; at most so many configurations are kept."""
        known, informed, generator = self.known, self.informed, self.generator.clone_state()
        dtype = known.posteriors.dtype
        for point, other in zip(_probabilities(points, dtype), _probabilities(others, dtype), strict=True):
            known = known.extended(point, most, generator=generator)
            informed = informed.extended(other, most, generator=generator)
        bounds, guesses = self.bounds.clone(), self.guesses.clone()
        return replace(self, known=known, informed=informed, generator=generator, bounds=bounds, guesses=guesses)

    def unclamped(self, positions: Int[Tensor, "R"]) -> Float[Tensor, "R"]:
        """I_1 - I_2 as they come: if configurations are sampled, right on average."""
        told = self.known.information_at(self.rows, positions)
        return told - self.informed.information_at(self.others, positions)

    def gains(self) -> Float[Tensor, "N"]:
        """The gain of every row, on all configurations."""
        self._compute(torch.arange(len(self.rows), device=self.rows.device))
        return self.guesses.clone()

    def best(self, open: Bool[Tensor, "N"]) -> tuple[int, float]:
        """The open row with the largest gain (ties: the lowest), and that gain; once sampled, of the rows computed."""
        favourites, others = _largest_first(open.nonzero().squeeze(1), self.guesses).tensor_split([FAVOURITES])
        computed = self._compute(favourites)
        best = float(self.guesses[computed].max())
        for some in self._screened(self._reaching(others, best)).split(FAVOURITES):
            computed = torch.cat([computed, self._compute(self._reaching(some, best), best)])
            best = float(self.guesses[computed].max())
        position = int(computed[self.guesses[computed] == best].min())
        return position, best

    def _compute(self, positions: Int[Tensor, "R"], best: float = -torch.inf) -> Int[Tensor, "R2"]:
        """Compute the gains of rows that may reach the best so far, now that more is known; which rows these were."""
        self.bounds[positions] = self.known.information_at(self.rows, positions)
        reaching = self._reaching(positions, best)
        gains = self.bounds[reaching] - self.informed.information_at(self.others, reaching)
        self.guesses[reaching] = gains.masked_fill_(gains.abs() < rounding(self.rows), 0).clamp_min_(self.lowest)
        return reaching

    def _reaching(self, positions: Int[Tensor, "R"], best: float) -> Int[Tensor, "R2"]:
        return positions[self.bounds[positions] >= best - rounding(self.rows)]

    def _screened(self, positions: Int[Tensor, "R"]) -> Int[Tensor, "R2"]:
        """The promising ones first: all that can be the best, or, where gains are sampled, the likeliest."""
        if self.known.exact and self.informed.exact:
            merged = self.known.merged(GROUPS).information_at(self.rows, positions)  # at least I_1
            self.bounds[positions] = torch.minimum(self.bounds[positions], merged)
            return _largest_first(positions, self.bounds)
        generator = self.generator.clone_state()
        few = [each.thinned(GROUPS, generator=generator) for each in (self.known, self.informed)]
        coarse = replace(self, known=few[0], informed=few[1]).unclamped(positions)
        return positions[coarse.topk(min(FINALISTS, len(positions))).indices]


def _largest_first(positions: Int[Tensor, "R"], values: Float[Tensor, "N"]) -> Int[Tensor, "R"]:
    return positions[values[positions].argsort(descending=True, stable=True)]


def _probabilities(points: Float[Tensor, "P K C"], dtype: torch.dtype) -> Float[Tensor, "P K C"]:
    return log_probabilities(points.detach()).to(dtype).exp()
