"""Cost-effective active learning: what the model is sure of counts as labelled, until the next round."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Generator, Tensor
from torch.distributions import Categorical

from bayesal.data.pool import Pool
from bayesal.numerics.entropy import mixture_entropy
from bayesal.recipe import recipe
from bayesal.types import Id, Inputs, Label, Posterior


@dataclass(frozen=True, eq=False)
class PseudoLabels:
    """What a model was sure of: ``labels`` by id, of points with an entropy below ``threshold`` (nats), out of
    ``open`` that had no label. ``accuracy``: the share that is true, of those whose truth is known (None: of none)."""

    threshold: float
    labels: Mapping[Id, int]
    open: int
    accuracy: float | None = None

    def note(self) -> str:
        """A sentence."""
        said = f"{len(self.labels)} of {self.open} unlabelled points were learned from as the model labelled them "
        right = "" if self.accuracy is None else f"; {self.accuracy:.1%} of these labels are right"
        return f"{said}(entropy below {self.threshold:.3g} nats){right}"


@runtime_checkable
class Pseudolabelled(Protocol):
    """A belief that knows which labels it gave itself."""

    @property
    def pseudo_labels(self) -> PseudoLabels: ...


@dataclass(frozen=True, eq=False, repr=False)
class CEAL:
    """A learner around a learner (Wang, Zhang, Li, Zhang and Lin, TCSVT 2017).

    ``learner`` learns from the labels; every other point of the pool whose predictive entropy, over ``num_hypotheses``
    functions, is below δ_t is labelled with its likeliest class; then ``learner`` learns from both. These labels are
    forgotten with the belief. δ_t = max(0, δ_0 - r t) with δ_0 = ``threshold`` and r = ``decay``, in nats; with
    ``cumulative`` r t is subtracted in each round t, as by DeepAL+ (Zhan et al., 2022): δ_0 - r t (t + 1) / 2. Round
    t = ⌈(labels - ``initial``) / ``batch_size``⌉: the same pool and seed give the same belief. Where nothing is below
    δ_t the belief is the one ``learner`` makes alone, to the last bit.

    The belief is told as ``pseudo_labels`` which labels those were (:class:`PseudoLabels`). ``answers``: what is true
    of points, by id, to count how many are right; nothing is learned from it. Raises ValueError as ``learner`` does,
    for a belief that cannot draw functions, and for labels that are not one class a point.
    """

    learner: Callable[[Pool, Generator], Any]
    threshold: float | int = 0.05
    decay: float | int = 0.0033
    cumulative: bool = False
    initial: int = 20
    batch_size: int = 10
    num_hypotheses: int = 100
    answers: Mapping[Any, Label] | None = field(default=None, repr=False)

    __repr__ = recipe

    def __post_init__(self) -> None:
        if not (math.isfinite(self.threshold) and self.decay >= 0):
            raise ValueError(
                f"threshold must be finite and decay at least 0, but they are {self.threshold} and {self.decay}"
            )
        if self.batch_size < 1 or self.initial < 0:
            raise ValueError(
                f"rounds are told from initial >= 0 labels and batches of at least 1, but these are {self.initial} and "
                f"{self.batch_size}"
            )

    def __call__(self, pool: Pool, generator: Generator, /) -> Any:
        """The belief of what is labelled, and of what the first belief is sure of."""
        belief = self.learner(pool, generator)
        threshold, ids = self.threshold_at(len(pool.labels)), pool.unlabelled
        sure: dict[Id, int] = {}
        if threshold > 0 and len(ids):
            seen = pool.scan(self._look(belief, generator), ids, what="labelling what is sure")
            where = (seen[:, 0] < threshold).numpy(force=True)
            sure = dict(zip(ids[where].tolist(), seen[:, 1].long().numpy(force=True)[where].tolist(), strict=True))
        if sure:
            belief = self.learner(pool.with_labels(sure), generator)
        return _told(belief, PseudoLabels(threshold, sure, len(ids), self._accuracy(sure)))

    def threshold_at(self, labels: int) -> float:
        """δ_t with so many labels, in nats, never below 0."""
        t = max(0, -(-(labels - self.initial) // self.batch_size))
        taken = t * (t + 1) / 2 if self.cumulative else t
        return max(0.0, float(self.threshold - self.decay * taken))

    def _look(self, belief: Any, generator: Generator) -> Callable[[Inputs], Tensor]:
        if not isinstance(belief, Posterior):
            raise ValueError(
                f"a {type(belief).__name__} draws no functions, so nothing says what it is sure of; give CEAL a "
                "learner of a belief that does, as MCDropout"
            )
        hypotheses = belief.draw(self.num_hypotheses, generator=generator)

        @torch.no_grad()
        def look(inputs: Inputs) -> Tensor:
            predictions = hypotheses(inputs)
            if not isinstance(predictions, Categorical):
                raise ValueError(
                    f"only one class a point can be taken for its label, but the model predicts "
                    f"{type(predictions).__name__}; train it without CEAL"
                )
            likeliest = predictions.probs.mean(1).argmax(1)
            return torch.stack([mixture_entropy(predictions).double(), likeliest.double()], 1)

        return look

    def _accuracy(self, sure: Mapping[Id, int]) -> float | None:
        known = (
            [int(self.answers[i]) == label for i, label in sure.items() if i in self.answers] if self.answers else []
        )
        return float(np.mean(known)) if known else None


def _told(belief: Any, labels: PseudoLabels) -> Any:
    try:
        belief.pseudo_labels = labels
    except AttributeError as error:
        raise ValueError(
            f"a {type(belief).__name__} cannot be told which labels it gave itself; let it have an attribute "
            "pseudo_labels"
        ) from error
    return belief
