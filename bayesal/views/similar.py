"""Points, and what is looked for among them, as the gradients that their labels would give the last layer."""

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Generator, Tensor
from torch.nn.functional import one_hot

from bayesal.data.labels import as_targets
from bayesal.data.pool import Pool
from bayesal.numerics.kronecker import Kronecker
from bayesal.recipe import recipe
from bayesal.representations import gradient_signatures, label_model
from bayesal.types import Ids
from bayesal.views.features import Features
from bayesal.views.last_layer import LastLayer
from bayesal.views.targets import TargetPoints


@runtime_checkable
class Rows(Protocol):
    """Rows of the pool, and rows of the same kind of the queries."""

    def __call__(
        self, belief: Any, pool: Pool, ids: Ids, queries: TargetPoints, /, *, generator: Generator
    ) -> tuple[Shaped[Tensor, "N ..."], Shaped[Tensor, "Q ..."]]: ...


@dataclass(frozen=True, repr=False)
class LabelGradients:
    """(p - e_y) ⊗ (h, 1): the gradient of the last layer's weights and bias, as factors. y is the label where it is
    known, in the pool of the queries, else the likely one (Kothawade et al., 2021)."""

    last_layer: LastLayer = field(default_factory=LastLayer)

    __repr__ = recipe

    def __call__(
        self, belief: Any, pool: Pool, ids: Ids, queries: TargetPoints, /, *, generator: Generator
    ) -> tuple[Shaped[Tensor, "N ..."], Shaped[Tensor, "Q ..."]]:
        look = self.last_layer(belief, pool, generator=generator)
        seen = look.split(pool.scan(look, ids, what="looking at the pool"))
        theirs = look.split(queries.pool.scan(look, queries.ids, what="looking at the queries"))
        return _gradients(*seen), _gradients(*theirs, _known(queries, look.num_classes))


@dataclass(frozen=True, repr=False)
class QueryFeatures:
    """The belief's features, whatever the labels."""

    __repr__ = recipe

    def __call__(
        self, belief: Any, pool: Pool, ids: Ids, queries: TargetPoints, /, *, generator: Generator
    ) -> tuple[Shaped[Tensor, "N ..."], Shaped[Tensor, "Q ..."]]:
        look = Features()(belief, pool, generator=generator)
        rows = pool.scan(look, ids, what="looking at the pool")
        return rows, queries.pool.scan(look, queries.ids, what="looking at the queries")


def _known(queries: TargetPoints, num_classes: int) -> Int[Tensor, "Q"] | None:
    """The queries' labels, if all are known."""
    known = queries.pool.labels
    keys = np.asarray(queries.ids).tolist()
    if not all(key in known for key in keys):
        return None
    labels = as_targets({key: known[key] for key in keys})
    if labels.ndim != 1 or labels.is_floating_point() or not 0 <= int(labels.min()) <= int(labels.max()) < num_classes:
        raise ValueError(
            f"labels of queries must be classes from 0 to {num_classes - 1}, but they are {labels.dtype} of shape "
            f"{tuple(labels.shape)} up to {labels.max()}"
        )
    return labels.long()


def _gradients(logits: Float[Tensor, "N C"], features: Float[Tensor, "N D"], labels: Tensor | None = None) -> Kronecker:
    sure = label_model(logits, 1.0) if labels is None else one_hot(labels, logits.shape[1]).to(logits.device).double()
    return gradient_signatures(logits, torch.cat([features, torch.ones_like(features[:, :1])], 1), sure)[0]
