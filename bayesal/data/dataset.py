"""A data set: points to learn from, labels that answer for them, and a test part that is never asked about."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from bayesal.data.derived import take
from bayesal.data.ids import index_of
from bayesal.data.sources import Source
from bayesal.types import Id, Label

Kind: TypeAlias = Literal["classification", "regression", "multilabel", "unlabelled"]
Stored: TypeAlias = Tensor | np.ndarray | Source
"""Points in storage: a tensor, an array (also mapped from a file), or a source that reads them when asked."""


@dataclass(frozen=True, eq=False)
class DataSet:
    """Points, and what is known of them.

    ``inputs``, ``ids``: the pool. ``labels``: one entry a point, aligned with ``inputs``: class numbers 0 ... C-1 as
    int64 (-1 where unknown), amounts as float32 (NaN where unknown), 0/1 rows as float32 for ``multilabel`` (NaN where
    unknown); None when nothing is known. ``test_inputs``, ``test_labels``: the test part, if there is one.
    ``class_names``: C names, empty for amounts. ``image``: the inputs are ``channels height width``.
    ``costs``: what each point's label costs, above 0, in any unit; NaN where unknown, None where all cost the same.
    ``source``: where the data came from; ``note``: what was decided on the way. Raises ValueError when lengths do not
    match or ids repeat.

    Tables hold the numbers of their source: centring and scaling them is the learner's business, because only the
    learner may know which points are labelled. Image pixels are scaled as the data set's own note says.
    """

    name: str
    inputs: Stored
    labels: Tensor | None
    kind: Kind
    ids: np.ndarray
    test_inputs: Stored | None = None
    test_labels: Tensor | None = None
    class_names: tuple[str, ...] = ()
    image: bool = False
    source: str = ""
    note: str = ""
    costs: np.ndarray | None = None

    def __post_init__(self) -> None:
        n = len(self.inputs)
        index_of(self.ids, n)
        if self.labels is not None and len(self.labels) != n:
            raise ValueError(f"{self.name}: there are {n} points but {len(self.labels)} labels; give one a point")
        if self.costs is not None and self.costs.shape != (n,):
            raise ValueError(
                f"{self.name}: there are {n} points but costs of shape {self.costs.shape}; give one a point"
            )
        if (self.test_inputs is None) != (self.test_labels is None):
            raise ValueError(f"{self.name}: a test part needs both its inputs and its labels")
        num_inputs, num_labels = (0 if part is None else len(part) for part in (self.test_inputs, self.test_labels))
        if num_inputs != num_labels:
            raise ValueError(
                f"{self.name}: there are {num_inputs} test points but {num_labels} test labels; give one a point"
            )

        if self.test_labels is not None and not are_known(self.test_labels).all():
            raise ValueError(f"{self.name}: some test points have no label; complete the test part, or leave them out")

    def __len__(self) -> int:
        return len(self.inputs)

    def __repr__(self) -> str:
        test = 0 if self.test_inputs is None else len(self.test_inputs)
        classes = f", {len(self.class_names)} classes" if self.class_names else ""
        return f"DataSet({self.name!r}: {len(self)} points and {test} to test on, {self.kind}{classes})"

    @property
    def known(self) -> Bool[Tensor, "N"]:
        """Whether each point's label is known."""
        return torch.zeros(len(self), dtype=torch.bool) if self.labels is None else are_known(self.labels)

    @property
    def answers(self) -> dict[Id, Label]:
        """``{id: label}`` of what is known, in plain Python numbers: what an oracle answers from."""
        if self.labels is None:
            return {}
        known = self.known.numpy()
        return dict(zip(self.ids[known].tolist(), self.labels[self.known].tolist(), strict=True))

    @property
    def prices(self) -> dict[Id, float] | None:
        """``{id: cost}`` of the labels whose cost is known; None where all cost the same."""
        if self.costs is None:
            return None
        known = ~np.isnan(self.costs)
        return dict(zip(self.ids[known].tolist(), self.costs[known].astype(np.float64).tolist(), strict=True))

    def take(self, positions: Sequence[int] | np.ndarray | Tensor) -> "DataSet":
        """The data set with only these points in its pool, in this order; the test part stays."""
        chosen = np.asarray(positions, dtype=np.int64)
        return replace(
            self,
            inputs=take(self.inputs, chosen),
            labels=None if self.labels is None else self.labels[torch.from_numpy(chosen)],
            ids=self.ids[chosen],
            costs=None if self.costs is None else self.costs[chosen],
        )


def are_known(labels: Tensor) -> Bool[Tensor, "N"]:
    """Where labels are known: not -1 for class numbers, not NaN for amounts."""
    unknown = labels.isnan() if labels.is_floating_point() else labels < 0
    return ~(unknown.flatten(1).any(1) if unknown.ndim > 1 else unknown)
