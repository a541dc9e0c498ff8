"""Letters and contracts: the words every room of the house shares.

Letters: N points, K hypotheses, C classes (or outputs), M target points, D features, B batch, L labelled,
P points taken. The first axis is always the point: predictions are ``N K C``, features ``N D``, scores ``N``.
All information is in nats (natural logarithms). Larger scores are more informative.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from torch import Generator, Tensor
from torch.distributions import Distribution

Id: TypeAlias = str | int
"""The user's stable key of a point: a file name, a primary key, a row number."""
Ids: TypeAlias = Sequence[Id] | np.ndarray
Label: TypeAlias = Any
"""What an oracle answers for one point: a class number, a float, a vector of labels, a mask."""
Labels: TypeAlias = Mapping[Id, Label]
Inputs: TypeAlias = Any
"""What one chunk of points looks like to a model: usually a tensor whose first axis is the point."""

Look: TypeAlias = Callable[[Inputs], Tensor]
"""n points in, n rows out."""


@runtime_checkable
class UnpackingLook(Protocol):
    """A look whose rows are kept small while the pool is scanned; ``unpack`` makes of them what a rule wants."""

    def __call__(self, inputs: Inputs, /) -> Tensor: ...

    def unpack(self, rows: Tensor, /) -> Any: ...


State = TypeVar("State")
Belief = TypeVar("Belief", contravariant=True)


@runtime_checkable
class Hypotheses(Protocol):
    """K fixed functions, drawn once: the same inputs give the same outputs in any chunk, order or process."""

    def __call__(self, inputs: Inputs, /) -> Distribution:
        """The label's distribution under each hypothesis; ``batch_shape`` is ``(N, K)``."""
        ...


@runtime_checkable
class Posterior(Protocol):
    """A belief about functions."""

    def draw(self, num_hypotheses: int, *, generator: Generator) -> Hypotheses:
        """Draw K functions. A posterior of M < K members gives its M members, each once."""
        ...


@runtime_checkable
class Embeds(Protocol):
    """A belief that can show a point as features."""

    def embed(self, inputs: Inputs, /) -> Float[Tensor, "N D"]: ...


@runtime_checkable
class Differentiable(Protocol):
    """A belief whose network can be differentiated at its trained state.

    ``forward(state, inputs)`` is the network in evaluation mode under the tensors of ``state``: logits of C classes
    (``N C H W`` where every place of a point has a label), or C amounts. What a network says of scales is left out.
    """

    @property
    def state(self) -> dict[str, Tensor]: ...

    def forward(self, state: dict[str, Tensor], inputs: Inputs, /) -> Float[Tensor, "N C ..."]: ...


@runtime_checkable
class Members(Protocol):
    """A belief made of several networks, each one ``Embeds`` and ``Differentiable``."""

    @property
    def members(self) -> Sequence[Any]: ...


@runtime_checkable
class Moments(Protocol):
    """A belief with a closed-form mean and covariance of its function values."""

    def mean(self, inputs: Inputs, /) -> Float[Tensor, "N"]: ...

    def covariance(self, inputs: Inputs, others: Inputs, /) -> Float[Tensor, "N M"]: ...


@runtime_checkable
class Noisy(Protocol):
    """A belief that knows how far labels lie from the function: ``noise`` is their variance around it."""

    noise: float


@runtime_checkable
class Density(Protocol):
    """A belief that knows how usual a point is."""

    def log_density(self, inputs: Inputs, /) -> Float[Tensor, "N"]: ...


@runtime_checkable
class Judges(Protocol):
    """A belief with a learned score of its own: a loss head, a critic."""

    def judge(self, inputs: Inputs, /) -> Float[Tensor, "N"]: ...


@runtime_checkable
class Kernel(Protocol):
    """The prior covariance of a function between rows, whatever a row is: features, inputs, or places in a pool."""

    def variance(self, rows: Shaped[Tensor, "N ..."], /) -> Float[Tensor, "N"]: ...

    def covariance(self, rows: Shaped[Tensor, "N ..."], points: Shaped[Tensor, "P ..."], /) -> Float[Tensor, "N P"]: ...


@runtime_checkable
class Rule(Protocol):
    """Rows to positions."""

    def __call__(
        self, rows: Shaped[Tensor, "N ..."], batch_size: int, /, *, generator: Generator
    ) -> Int[Tensor, "B"]: ...


@runtime_checkable
class ScoredRule(Rule, Protocol):
    """A rule over rows that are not scores, which can say what each row is worth alone."""

    def scores(self, rows: Shaped[Tensor, "N ..."], /) -> Float[Tensor, "N"]: ...


@runtime_checkable
class GreedyRule(Protocol[State]):
    """One point at a time; labelled, target and chosen points enter the same way, through ``take``."""

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> State:
        """The state before anything is taken. ``generator`` is for rules that sample; others ignore it."""
        ...

    def gains(self, state: State, /) -> Float[Tensor, "N"]:
        """What taking each row next would add."""
        ...

    def take(self, state: State, points: Shaped[Tensor, "P ..."], /) -> State:
        """The state after these rows are taken too."""
        ...


@runtime_checkable
class LazyRule(GreedyRule[State], Protocol[State]):
    """A greedy rule that can find its best open row without computing every gain."""

    def best(self, state: State, open: Bool[Tensor, "N"], /) -> tuple[int, float]:
        """The open position with the largest gain (ties: the lowest) and that gain."""
        ...


@runtime_checkable
class LimitedRule(GreedyRule[State], Protocol[State]):
    """A greedy rule whose gains can only add up to so much: K hypotheses hold at most ln K nats."""

    def limit(self, state: State, /) -> float:
        """The most that all further gains can add up to."""
        ...


@runtime_checkable
class NotingRule(GreedyRule[State], Protocol[State]):
    """A greedy rule with something to say about a batch: a guard that was reached, a fallback that was taken."""

    def notes(self, state: State, /) -> tuple[str, ...]:
        """Sentences about the batch, asked for when the last point was picked."""
        ...


@runtime_checkable
class KnowingRule(GreedyRule[State], Protocol[State]):
    """A greedy rule to which rows known beforehand are more than rows taken first: they count in what it aims at."""

    def know(self, state: State, points: Shaped[Tensor, "P ..."], /) -> State:
        """The state where these rows, none of them among those to choose from, are known; asked once, first."""
        ...


@runtime_checkable
class BesideRule(GreedyRule[State], Protocol[State]):
    """A greedy rule, a dataclass, in whose objective rows ``beside`` count, which are neither known nor to choose."""

    @property
    def beside(self) -> Shaped[Tensor, "M ..."] | None: ...


@runtime_checkable
class SizedRule(GreedyRule[State], Protocol[State]):
    """A greedy rule that weighs rows by the size of the batch they will be part of."""

    def of_size(self, batch_size: int, /) -> "SizedRule[State]":
        """The same rule for a batch of B rows; asked for once, before anything else."""
        ...


@runtime_checkable
class PruningRule(GreedyRule[State], Protocol[State]):
    """A greedy rule that takes more than a batch, then drops the rows that are least missed.

    ``over_selection``: how many times the batch is taken first; at 1 nothing is dropped.
    """

    @property
    def over_selection(self) -> float: ...

    def narrowed(self, state: State, positions: Int[Tensor, "P"], /) -> State:
        """The same state, asked only what dropping these rows would cost, which are all that were taken: they are
        rows 0 ... P-1 of it."""
        ...

    def costs(self, state: State, /) -> Float[Tensor, "N"]:
        """What dropping each row would lose, and so what it added if taken last; no number for rows dropped."""
        ...

    def drop(self, state: State, points: Shaped[Tensor, "P ..."], /) -> State:
        """The state after these rows, taken before, are given back."""
        ...


@dataclass(frozen=True, eq=False)
class Selection:
    """A batch and what explains it.

    ``ids``: the points to label, in the order they were picked. ``scores``: each pick's own score, as if it were
    alone. ``gains``: what each pick added to those before it (equal to ``scores`` for rules that score points
    alone), in nats where the rule measures information. ``positions``: where the picks stand among the rows the rule
    saw. ``notes``: sentences about anything the caller should know: a saturated score, a fallback that was asked for.
    """

    ids: Sequence[Id]
    scores: Float[Tensor, "B"]
    gains: Float[Tensor, "B"]
    positions: Int[Tensor, "B"]
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.ids)
