"""The points as a network sees them before its last layer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.types import Embeds, Inputs, Look, Members


@dataclass(frozen=True, repr=False)
class Features:
    """Rows are features ``N D``: ``belief.embed``.

    Of M networks side by side, each divided by √M, so that inner products and squared distances are their means.
    Raises ValueError for a belief that shows no features.
    """

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> Look:
        parts = embeddings(belief)

        @torch.no_grad()
        def look(inputs: Inputs) -> Tensor:
            return side_by_side([embed(inputs) for embed in parts])

        return look


def embeddings(belief: Any) -> Sequence[Callable[[Inputs], Tensor]]:
    """``embed`` of the belief, or of each of its networks."""
    networks = belief.members if isinstance(belief, Members) else [belief]
    if not networks or not all(isinstance(network, Embeds) for network in networks):
        raise ValueError(
            f"a {type(belief).__name__} shows no features: use --posterior mc-dropout, ensemble or laplace (MCDropout, "
            "DeepEnsemble, LastLayerLaplace), or give the belief a method embed(inputs)"
        )
    return [network.embed for network in networks]


def side_by_side(parts: Sequence[Tensor]) -> Tensor:
    """Features of M networks as one row, each divided by √M."""
    return torch.cat(list(parts), 1) / len(parts) ** 0.5 if len(parts) > 1 else parts[0]
