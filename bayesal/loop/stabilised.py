"""Stopping on stabilised predictions, which needs no labels to stop by."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, runtime_checkable

import torch
from sklearn.metrics import cohen_kappa_score
from torch import Generator, Tensor
from torch.distributions import Categorical, Distribution

from bayesal.data.pool import Pool
from bayesal.loop.rounds import Round
from bayesal.loop.streams import stream
from bayesal.types import Posterior
from bayesal.views import Predictive


@runtime_checkable
class Watches(Protocol):
    """A stop rule that also looks at each new belief; what it saw is recorded with the round, under its repr."""

    def watch(self, belief: Any, pool: Pool, /, *, generator: Generator) -> Any:
        """Something JSON can hold."""
        ...


@dataclass(frozen=True)
class Stabilised:
    """Stop when successive beliefs agree: Cohen's kappa of their predicted classes on a fixed stop set of ``size`` pool
    points has been at least ``threshold`` for the last ``patience`` pairs of rounds (Bloodgood & Vijay-Shanker, 2009).

    κ = (p_o - p_e) / (1 - p_e). Where both beliefs predict one and the same class for everything, κ is 0/0: that is no
    evidence of agreement and does not count towards stopping. Classification only.
    """

    threshold: float = 0.99
    patience: int = 3
    size: int = 2000
    num_hypotheses: int = 20

    def __post_init__(self) -> None:
        if not -1 <= self.threshold <= 1:
            raise ValueError(f"the threshold is a kappa between -1 and 1, but it is {self.threshold}")
        if self.patience < 1 or self.size < 1 or self.num_hypotheses < 1:
            raise ValueError(f"patience, size and num_hypotheses must be at least 1 in {self!r}")

    def watch(self, belief: Posterior, pool: Pool, /, *, generator: Generator) -> list[int]:
        """The classes this belief predicts on the stop set: the same points of the pool in every round."""
        order = torch.randperm(len(pool), generator=stream(0, 0, "stop set"))
        chosen = pool.ids[order[: self.size].numpy()]
        look = Predictive(_predicted_classes, self.num_hypotheses)(belief, pool, generator=generator)
        return pool.scan(look, chosen, what="predicting the stop set").tolist()

    def __call__(self, rounds: Sequence[Round], /) -> str | None:
        watched = [(round_.watched or {}).get(repr(self)) for round_ in rounds[-self.patience - 1 :]]
        lately = [seen for seen in watched if seen is not None]
        if len(lately) <= self.patience:
            return None
        agreements = [_kappa(before, after) for before, after in pairwise(lately)]
        if min(agreements) < self.threshold:
            return None
        return (
            f"predictions on {len(lately[-1])} points have stabilised: kappa was at least {min(agreements):.4f} "
            f"between the last {self.patience + 1} rounds, and the threshold was {self.threshold}"
        )


def _kappa(before: Sequence[int], after: Sequence[int]) -> float:
    """Cohen's kappa; -1 where it is undefined."""
    if len({*before, *after}) == 1:
        return -1.0
    return float(cohen_kappa_score(before, after))


def _predicted_classes(predictions: Distribution) -> Tensor:
    if not isinstance(predictions, Categorical):
        raise ValueError(
            f"Stabilised compares predicted classes, but the model predicts {type(predictions).__name__}; "
            "stop by Plateau or Target instead"
        )
    return predictions.probs.mean(1).argmax(-1)
