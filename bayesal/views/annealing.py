"""BALanCe's equivalence classes, found on a Hamming set: what the views and joint rules of its family are made with."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Generator, Tensor

from bayesal.acquisitions import balance, bald
from bayesal.data.pool import Pool
from bayesal.numerics import equivalence
from bayesal.recipe import digest, recipe
from bayesal.types import GreedyRule, Inputs, Look, Posterior, ScoredRule
from bayesal.views.predictive import class_log_probabilities
from bayesal.views.targets import Targets


@dataclass(frozen=True, eq=False, repr=False)
class Annealing:
    """Which pairs of hypotheses have an edge: those that disagree on at least τ = ε / ``ratio`` of the Hamming set.

    ε is the model's error: of its averaged prediction against ``labels``, if those of the Hamming set are known, else
    the error that the model itself expects there. ``threshold``: a fixed τ instead.
    """

    ratio: float = 4.0
    threshold: float | None = None
    labels: Shaped[Tensor, "H"] | None = None

    def __repr__(self) -> str:
        known = "None" if self.labels is None else f"{len(self.labels)} labels {digest(self.labels)}"
        return f"Annealing(ratio={self.ratio}, threshold={self.threshold}, labels={known})"

    def edges(self, log_probabilities: Float[Tensor, "H K2 C"]) -> Bool[Tensor, "K"]:
        """e_k of each pair. Raises ValueError for labels of another number than the points of the Hamming set."""
        distances = equivalence.hamming_distances(equivalence.votes(log_probabilities))
        threshold = self.threshold
        if threshold is None:
            threshold = equivalence.annealed_threshold(self._error(log_probabilities), self.ratio)
        return equivalence.edges(distances, threshold)

    def _error(self, log_probabilities: Float[Tensor, "H K2 C"]) -> float:
        if self.labels is None:
            return equivalence.expected_error(log_probabilities)
        if len(self.labels) != len(log_probabilities):
            raise ValueError(
                f"the Hamming set has {len(log_probabilities)} points but {len(self.labels)} labels; give one a point"
            )
        guesses = log_probabilities.double().logsumexp(1).argmax(1)
        return float((guesses != self.labels.to(guesses.device)).double().mean())


@dataclass(frozen=True, repr=False)
class Balanced:
    """Rows are scores: ``balance`` with the edges of the Hamming set; ``bald`` where no pair has an edge, with a
    UserWarning."""

    hamming: Targets
    annealing: Annealing = field(default_factory=Annealing)
    num_hypotheses: int = 200

    __repr__ = recipe

    def __call__(self, belief: Posterior, pool: Pool, /, *, generator: Generator) -> Look:
        hypotheses = belief.draw(self.num_hypotheses, generator=generator)
        points = self.hamming(pool, generator=generator)

        @torch.no_grad()
        def there(inputs: Inputs) -> Tensor:
            return class_log_probabilities(hypotheses(inputs))

        edges = self.annealing.edges(points.pool.scan(there, points.ids, what="looking at the Hamming set"))
        apart = bool(edges.any())
        if not apart:
            warnings.warn("no pair of hypotheses differs by the threshold, so BALanCe falls back on BALD", stacklevel=2)

        @torch.no_grad()
        def look(inputs: Inputs) -> Tensor:
            predictions = hypotheses(inputs)
            return balance(predictions, edges) if apart else bald(predictions)

        return look


@dataclass(frozen=True, repr=False)
class AnnealedRule:
    """A rule for ``Beside``: ``make(edges)``, with the edges of the Hamming set."""

    make: Callable[[Tensor], GreedyRule | ScoredRule]
    annealing: Annealing = field(default_factory=Annealing)

    __repr__ = recipe

    def __call__(self, log_probabilities: Float[Tensor, "H K2 C"]) -> GreedyRule | ScoredRule:
        return self.make(self.annealing.edges(log_probabilities))
