"""Views for treatment effects: each point as it would be with and without the treatment."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor
from torch.distributions import Distribution

from bayesal.acquisitions.causal import propensity_score
from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.types import Hypotheses, Inputs, Look, Posterior


@dataclass(frozen=True, repr=False)
class Causal:
    """Rows are scores: ``score(mu0, mu1, treatment)`` of what the same K hypotheses expect at each point with its
    treatment taken away and given, ``n K`` each, and of what it really had; see :mod:`bayesal.acquisitions.causal`.

    Inputs are rows of a table. ``treatment`` is the number of the column that says who was treated, in two values, the
    lower one control; None is the only column of two values. For beliefs about one amount (the outcome).

    Raises ValueError where there is no such column, or several, and for beliefs about anything else.
    """

    score: Callable[[Tensor, Tensor, Tensor], Tensor]
    treatment: int | None = None
    num_hypotheses: int = 100

    __repr__ = recipe

    def __call__(self, belief: Posterior, pool: Pool, /, *, generator: Generator) -> Look:
        arms = Arms.of(pool, self.treatment)
        hypotheses = belief.draw(self.num_hypotheses, generator=generator)

        @torch.no_grad()
        def look(inputs: Inputs) -> Tensor:
            treated = arms.treated(inputs)
            mu0 = _expected(hypotheses, arms.given(inputs, arms.low))
            mu1 = _expected(hypotheses, arms.given(inputs, arms.high))
            return self.score(mu0, mu1, treated)

        return look


@dataclass(frozen=True, repr=False)
class Propensity:
    """Rows are ln P(the other treatment | x) by a logistic regression of the treatment on all other columns, fitted to
    the whole pool (L2 penalty of 1 on standardised columns); no belief is asked. ``treatment`` as in :class:`Causal`.
    """

    treatment: int | None = None

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> Look:
        from sklearn.linear_model import LogisticRegression  # here, because it takes a second to import
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        table = _table(pool)
        arms = Arms.of(pool, self.treatment)
        if table.shape[1] == 1:
            raise ValueError("the inputs hold the treatment and nothing else, so nothing can tell who is treated")
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        model.fit(arms.others(table), arms.treated(table).numpy())

        def look(inputs: Inputs) -> Tensor:
            treated = arms.treated(inputs)
            if not len(inputs):
                return torch.empty(0, dtype=torch.float64)
            return propensity_score(torch.from_numpy(model.predict_proba(arms.others(inputs))[:, 1]), treated.cpu())

        return look


@dataclass(frozen=True)
class Arms:
    """Where a table says who was treated, and in which two values."""

    column: int
    low: float
    high: float

    @classmethod
    def of(cls, pool: Pool, column: int | None) -> "Arms":
        """Read off all points of the pool, labelled ones too. Raises ValueError for anything but one such column."""
        table = _table(pool)
        if not len(table):
            raise ValueError("the pool has no points, so nothing says who was treated")
        low, high = table.amin(dim=0), table.amax(dim=0)
        two = (((table == low) | (table == high)).all(dim=0) & (low < high)).nonzero().squeeze(1).tolist()
        if column is None and len(two) != 1:
            seen = f"columns {', '.join(map(str, two))} have" if two else "no column has"
            raise ValueError(f"the treatment must be a column of two values, but {seen} two; say which: treatment=")
        column = two[0] if column is None else column
        if column not in two:
            raise ValueError(
                f"the treatment must be a column of two values, but column {column} is none; "
                f"there are {table.shape[1]} columns, and those of two values are {two}"
            )
        return cls(column, float(low[column]), float(high[column]))

    def treated(self, inputs: Float[Tensor, "n D"]) -> Bool[Tensor, "n"]:
        """Who was treated. Raises ValueError for a third value."""
        arm = inputs[:, self.column]
        third = (arm != self.low) & (arm != self.high)
        if bool(third.any()):
            raise ValueError(
                f"treatments of this pool are {self.low} or {self.high}, but one is {float(arm[third][0])}"
            )
        return arm == self.high

    def given(self, inputs: Float[Tensor, "n D"], value: float) -> Float[Tensor, "n D"]:
        """The same points, all with this treatment."""
        inputs = inputs.clone()
        inputs[:, self.column] = value
        return inputs

    def others(self, inputs: Float[Tensor, "n D"]) -> Any:
        """All other columns, for scikit-learn."""
        kept = [i for i in range(inputs.shape[1]) if i != self.column]
        return inputs[:, kept].double().cpu().numpy()


def _table(pool: Pool) -> Float[Tensor, "N D"]:
    def row(inputs: Inputs) -> Tensor:
        if not isinstance(inputs, Tensor) or inputs.ndim != 2:
            shape = tuple(inputs.shape) if isinstance(inputs, Tensor) else type(inputs).__name__
            raise ValueError(f"treatments are a column of a table (N, D), but the pool's inputs are {shape}")
        return inputs.cpu()

    return pool.scan(row, what="looking for the treatment")


def _expected(hypotheses: Hypotheses, inputs: Inputs) -> Float[Tensor, "n K"]:
    predictions: Distribution = hypotheses(inputs)
    shape = (*predictions.batch_shape, *predictions.event_shape)
    if len(shape) != 2 or predictions.support.is_discrete:  # pyright: ignore[reportOptionalMemberAccess]
        raise ValueError(
            f"treatment effects are differences of one amount, but the model predicts {type(predictions).__name__} of "
            f"shape {shape}; use bald, which suits any task"
        )
    return predictions.mean
