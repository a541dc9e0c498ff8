"""Examples of what is looked for: given by the user, or labelled points of a rare class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator

from bayesal.data.pool import Pool
from bayesal.recipe import digest, recipe
from bayesal.types import Label
from bayesal.views.targets import TargetPoints

SAMPLE = 64  # examples that are looked at to tell pools apart


@dataclass(frozen=True, repr=False)
class Rare:
    """What is labelled of some classes; by default of the one with the fewest labels so far (ties: the lowest).

    Raises ValueError where nothing is labelled, or nothing of these classes.
    """

    classes: tuple[int, ...] | None = None

    __repr__ = recipe

    def __call__(self, pool: Pool, /, *, generator: Generator) -> TargetPoints:
        if not len(pool.labelled):
            raise ValueError("nothing is labelled yet, so there are no examples of a rare class: give queries")
        labels = pool.targets()
        if labels.ndim != 1 or labels.is_floating_point():
            raise ValueError(
                f"examples of a rare class need labels that are classes, but they are {labels.dtype} of shape "
                f"{tuple(labels.shape)}; for other labels give queries"
            )
        seen, counts = labels.unique(return_counts=True)  # sorted, so that ties go to the lowest
        wanted = seen[counts.argmin()][None] if self.classes is None else torch.tensor(self.classes)
        chosen = torch.isin(labels, wanted.to(labels.dtype))
        if not bool(chosen.any()):
            raise ValueError(
                f"none of the {len(labels)} labelled points is of the classes {self.classes}; label an example first, "
                "or give queries"
            )
        return TargetPoints(pool, pool.labelled[chosen.numpy()])


@dataclass(frozen=True, eq=False, repr=False)
class Exemplars:
    """Examples of the user's: anything ``Pool.of`` takes, and their ``labels`` if they are known, one for each.

    Raises ValueError for no examples, and as ``Pool.of`` does.
    """

    inputs: Any
    labels: Sequence[Label] | None = None

    def __post_init__(self) -> None:
        if not len(self._pool()):
            raise ValueError("there are no queries: give at least one example of what is looked for")

    def __repr__(self) -> str:
        pool = self._pool()
        numbers = digest(self.inputs) or digest(pool.gather(pool.ids[:SAMPLE]))
        return f"Exemplars({' '.join(filter(None, (f'{len(pool)} points', numbers)))}, labels={recipe(self.labels)})"

    def __call__(self, pool: Pool, /, *, generator: Generator) -> TargetPoints:
        examples = self._pool()
        return TargetPoints(examples, examples.ids)

    def _pool(self) -> Pool:
        return Pool.of(self.inputs, labels=self.labels, progress=False)
