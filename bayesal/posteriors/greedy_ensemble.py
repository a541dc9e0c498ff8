"""Greedy ensembles: the hypotheses are networks of which each was trained to differ from those before it."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Generator, Tensor, nn

from bayesal.likelihoods import Likelihood, categorical
from bayesal.numerics.divergence import Divergence, check_divergence
from bayesal.posteriors.ensemble import DeepEnsemble
from bayesal.posteriors.network import NetworkHypotheses
from bayesal.posteriors.trained import TrainedNetwork


class GreedyEnsemble:
    """A kernel density estimate of the posterior over functions, by its M centres (Tiulpin and Blaschko, TMLR 2022).

    Members are equally likely, and drawn as those of a ``DeepEnsemble`` are: each once, or K < M of them at random.
    The learner is ``bayesal.learning.Greedy``.

    ``strength`` λ and ``divergence``: what the members were trained with. ``distances`` ``M M``: how far they are apart
    as functions, d_ij = mean ‖p_i(x̃) - p_j(x̃)‖² over points of noise, in [0, 2] for classes; None if not kept.
    Raises ValueError as ``DeepEnsemble`` does, and for distances that are not ``M M``.
    """

    def __init__(
        self,
        members: Sequence[nn.Module],
        likelihood: Likelihood = categorical,
        *,
        strength: float,
        divergence: Divergence = "reverse_kl",
        distances: Float[Tensor, "..."] | None = None,
    ) -> None:
        check_divergence(divergence)
        if distances is not None and distances.shape != (len(members), len(members)):
            raise ValueError(
                f"the distances between {len(members)} members must be {len(members)} x {len(members)}, "
                f"but they are {tuple(distances.shape)}"
            )
        self._ensemble = DeepEnsemble(members, likelihood)
        self.strength = strength
        self.divergence = divergence
        self.distances = distances

    def draw(self, num_hypotheses: int, *, generator: Generator) -> NetworkHypotheses:
        """The M members if K >= M, else K of them without replacement."""
        return self._ensemble.draw(num_hypotheses, generator=generator)

    @property
    def num_members(self) -> int:
        return self._ensemble.num_members

    @property
    def likelihood(self) -> Likelihood:
        return self._ensemble.likelihood

    @property
    def mean_distance(self) -> float | None:
        """The mean of d over the pairs of members."""
        if self.distances is None:
            return None
        return float(self.distances.sum() / (self.num_members * (self.num_members - 1)))

    @property
    def state(self) -> dict[str, Tensor]:
        """Parameters and buffers by name, for saving: with a leading M where members differ, once where they agree."""
        return self._ensemble.state

    @property
    def members(self) -> tuple[TrainedNetwork, ...]:
        """The networks, each by itself."""
        return self._ensemble.members
