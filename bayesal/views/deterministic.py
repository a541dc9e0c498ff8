"""What a network says by itself: without dropout, one answer a point."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.distributions import Categorical, Distribution

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.types import Inputs, Look
from bayesal.views.last_layer import class_logits
from bayesal.views.networks import check_classes, is_empty, networks_of


@dataclass(frozen=True, repr=False)
class Deterministic:
    """Rows are scores: ``score`` maps ``Categorical(logits=N 1 C)``, the trained network's own answer, to N numbers.

    The network is in evaluation mode, so nothing is dropped and a point's score does not depend on its batch-mates; of
    several networks the answer is their mean probability. One logit alone stands for two classes, (0, logit).
    Raises ValueError for a belief without a network, and for labels that are not one class a point.
    """

    score: Callable[[Distribution], Tensor]

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> Look:
        logits = network_logits(belief, pool, "scores of a network itself", "take the score over drawn functions")

        @torch.no_grad()
        def look(inputs: Inputs) -> Tensor:
            return self.score(Categorical(logits=logits(inputs)[:, None], validate_args=False))

        return look


def network_logits(belief: Any, pool: Pool, what: str, instead: str) -> Callable[[Inputs], Float[Tensor, "N C"]]:
    """The logits of at least two classes of the network of a belief; of several, ln of their mean probability.

    Raises ValueError saying ``what`` cannot be had of this belief, and what to do ``instead``.
    """
    networks = networks_of(belief, instead)
    check_classes(belief, pool, what)
    given = class_logits(belief if len(networks) > 1 else networks[0], 1, Generator())

    def logits(inputs: Inputs) -> Tensor:
        if is_empty(inputs):
            return logits(pool.gather(pool.ids[:1]))[:0]
        found = given(inputs)
        return torch.cat([torch.zeros_like(found), found], 1) if found.shape[1] == 1 else found

    return logits
