"""BatchBALD: the batch whose labels, together, tell most about the hypotheses."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Generator, Tensor

from bayesal.selection.configurations import Configurations, rounding
from bayesal.selection.rows import check_log_probabilities, log_probabilities

GROUPS = 512  # groups of configurations, to find out cheaply which rows can be the best
FAVOURITES = 64  # rows whose gain is computed before that
FINALISTS = 256  # and at most after that, where gains are sampled


@dataclass(frozen=True, eq=False)
class Taken:
    """The rows, and the labels that the points taken so far could get.

    ``bounds[n]`` is at least the gain of row n: a gain computed earlier, since gains only fall while a batch grows, or
    one computed with less known. ``gains`` and ``best`` write better bounds here, which only makes ``best`` faster.
    """

    rows: Float[Tensor, "N K C"]
    bounds: Float[Tensor, "N"]
    configurations: Configurations
    generator: Generator


@dataclass(frozen=True)
class BatchBALD:
    """gain(n | S) = I(y_n; w | y_S) = H(y_n | y_S) - E_w H(y_n | w), in nats   (Kirsch et al., NeurIPS 2019).

    A greedy rule over log-probabilities ``N K C`` of the same K hypotheses at every row, in any float dtype. The gains
    of a batch add up to I(y_S; w) <= ln K.

    As long as the labels of the points taken have at most ``num_configurations`` configurations of positive
    probability, all are enumerated and gains are exact. From then on that many are kept by unbiased, stratified
    resampling. Either way few gains need to be computed to find the largest: stale gains are upper bounds (lazy greedy;
    Minoux, 1978), and so is what a row tells when similar configurations are merged, at a twentieth of the cost.

    Raises ValueError for rows that are not ``N K C`` floats, for NaN and for probabilities that do not sum to 1.
    Half-precision rows are normalised again in float32, since their rounding alone moves sums by a percent.
    """

    num_configurations: int = 10_000

    def __post_init__(self) -> None:
        if self.num_configurations < 1:
            raise ValueError(f"num_configurations must be at least 1, but it is {self.num_configurations}")

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> Taken:
        """Nothing taken yet."""
        check_log_probabilities(rows, "BatchBALD")
        dtype = torch.float64 if rows.dtype == torch.float64 else torch.float32
        nothing = Configurations.none_taken(rows.shape[1], dtype=dtype, device=rows.device)
        bounds = torch.full((len(rows),), torch.inf, dtype=torch.float64, device=rows.device)
        return Taken(rows.detach(), bounds, nothing, generator)

    def gains(self, state: Taken, /) -> Float[Tensor, "N"]:
        """I(y_n; w | y_S) of every row, on all configurations."""
        everything = torch.arange(len(state.rows), device=state.rows.device)
        state.bounds[:] = _information(state, everything, state.configurations)
        return state.bounds.clone()

    def take(self, state: Taken, points: Shaped[Tensor, "P ..."], /) -> Taken:
        """The labels of these points will be known too, whatever they turn out to be."""
        check_log_probabilities(points, "BatchBALD")
        configurations = state.configurations
        for point in log_probabilities(points.detach()).to(configurations.posteriors.dtype).exp():
            configurations = configurations.extended(point, self.num_configurations, generator=state.generator)
        return replace(state, bounds=state.bounds.clone(), configurations=configurations)

    def best(self, state: Taken, open: Bool[Tensor, "N"], /) -> tuple[int, float]:
        """The open row with the largest gain, and that gain; once configurations are sampled, of the rows computed."""
        favourites, others = _by_bound(state, open.nonzero().squeeze(1)).tensor_split([FAVOURITES])
        _compute(state, favourites, -torch.inf)
        best = float(state.bounds[favourites].max())
        if len(state.configurations) > GROUPS:
            others = _screened(state, others, best)
        if not state.configurations.exact:
            others = others[:FINALISTS]  # to tell more of them apart would be to compare their sampling errors
        computed = torch.cat([favourites, _compute(state, others, best)]).sort().values  # of equals, the lowest
        position = int(computed[state.bounds[computed].argmax()])
        return position, float(state.bounds[position])

    def limit(self, state: Taken, /) -> float:
        """H(w | y_S): what is left to learn about the hypotheses, ln K at first."""
        return state.configurations.remaining()


def _compute(state: Taken, positions: Int[Tensor, "R"], best: float) -> Int[Tensor, "R2"]:
    """Compute gains, largest bound first, until no bound that is left reaches the best of them; those computed."""
    for start in range(0, len(positions), FAVOURITES):
        some = positions[start : start + FAVOURITES]
        if state.bounds[some[0]] < best - rounding(state.rows):
            return positions[:start]
        state.bounds[some] = _information(state, some, state.configurations)
        best = max(best, float(state.bounds[some].max()))
    return positions


def _screened(state: Taken, positions: Int[Tensor, "R"], best: float) -> Int[Tensor, "R"]:
    """Bring down, by merged configurations, the bounds that reach the best gain so far; largest bound first again."""
    reaching = positions[state.bounds[positions] >= best - rounding(state.rows)]
    if len(reaching):
        bounds = _information(state, reaching, state.configurations.merged(GROUPS))
        state.bounds[reaching] = torch.minimum(state.bounds[reaching], bounds)
    return _by_bound(state, positions)


def _by_bound(state: Taken, positions: Int[Tensor, "R"]) -> Int[Tensor, "R"]:
    return positions[state.bounds[positions].argsort(descending=True, stable=True)]


def _information(state: Taken, positions: Int[Tensor, "R"], configurations: Configurations) -> Float[Tensor, "R"]:
    gains = configurations.information_at(state.rows, positions)
    return gains.masked_fill_(gains < rounding(state.rows), 0)
