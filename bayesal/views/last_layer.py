"""What gradients in a network's last layer are made of: the features it sees, and the logits it gives."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.posteriors.network import finite
from bayesal.recipe import recipe
from bayesal.types import Differentiable, Inputs, Look, Members, Posterior
from bayesal.views.features import embeddings, side_by_side
from bayesal.views.networks import check_classes, head_has_bias
from bayesal.views.predictive import class_log_probabilities


@dataclass(frozen=True, eq=False)
class LastLayerLook:
    """Points in, rows ``N C+D`` out: ``num_classes`` logits, then the features; ``split`` takes rows apart."""

    num_classes: int
    logits: Callable[[Inputs], Tensor]
    features: Callable[[Inputs], Tensor]

    @torch.no_grad()
    def __call__(self, inputs: Inputs, /) -> Float[Tensor, "N E"]:
        logits, features = self.logits(inputs), self.features(inputs)
        wider = torch.promote_types(logits.dtype, features.dtype)
        return torch.cat([logits.to(wider), features.to(wider)], 1)

    def split(self, rows: Float[Tensor, "N E"]) -> tuple[Float[Tensor, "N C"], Float[Tensor, "N D"]]:
        """(logits, features) of rows."""
        return rows[:, : self.num_classes], rows[:, self.num_classes :]


@dataclass(frozen=True, repr=False)
class LastLayer:
    """Rows are the logits of C classes, then the features: what gradients of the last layer are made of, ``N C+D``.

    Logits are those of the trained network; of several networks, ln of the mean probability, with their features side
    by side, each divided by √M. A belief that can only draw and embed has ln of the mean probability under
    ``num_hypotheses`` draws. One logit alone becomes two, of which the first is 0.
    Raises ValueError for beliefs that show no features, and for labels that are not one class a point.
    """

    num_hypotheses: int = 100

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> LastLayerLook:
        parts = embeddings(belief)
        check_classes(belief, pool, "gradients of the last layer")
        given = class_logits(belief, self.num_hypotheses, generator)

        def logits(inputs: Inputs) -> Tensor:
            return _at_least_two(given(inputs))

        with torch.no_grad():
            num_classes = logits(pool.gather(pool.ids[:1])).shape[1]
        return LastLayerLook(num_classes, logits, lambda inputs: side_by_side([embed(inputs) for embed in parts]))


@dataclass(frozen=True, repr=False)
class LastLayerGradients:
    """Rows are the gradients of an output in the last layer, ``N D+1``: its features and a 1 for its bias, if it has
    one.

    Their inner products are the kernel ``ll`` (Holzmüller et al., 2023). It is the same for each of several outputs,
    and for their sum divided by √C. Of M networks side by side: the sum of their kernels.
    Raises ValueError for a belief that shows no features.
    """

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> Look:
        networks = belief.members if isinstance(belief, Members) else [belief]
        parts = embeddings(belief)
        biases = [head_has_bias(network, pool.gather(pool.ids[:1])) for network in networks]

        @torch.no_grad()
        def look(inputs: Inputs) -> Tensor:
            rows = []
            for embed, bias in zip(parts, biases, strict=True):
                features = embed(inputs)
                rows += [features, torch.ones_like(features[:, :1])] if bias else [features]
            return torch.cat(rows, 1)

        return look


def class_logits(belief: Any, num_hypotheses: int, generator: Generator) -> Callable[[Inputs], Float[Tensor, "N C"]]:
    """The logits of a belief: of its network, or ln of the mean probability of its networks or of functions drawn."""
    if isinstance(belief, Members):
        networks = belief.members
        return lambda inputs: _mean([_at_least_two(_logits(network, inputs)).log_softmax(1) for network in networks])
    if isinstance(belief, Differentiable):
        return lambda inputs: _logits(belief, inputs)
    if isinstance(belief, Posterior):
        hypotheses = belief.draw(num_hypotheses, generator=generator)
        return lambda inputs: _mean(class_log_probabilities(hypotheses(inputs)).unbind(1))
    raise ValueError(
        f"a {type(belief).__name__} gives no logits: give it state and forward(state, inputs), or a method draw"
    )


def _mean(log_probabilities: list[Tensor] | tuple[Tensor, ...]) -> Float[Tensor, "N C"]:
    stacked = torch.stack(list(log_probabilities), 1)
    return torch.logsumexp(stacked.to(torch.promote_types(stacked.dtype, torch.float32)), 1) - math.log(
        stacked.shape[1]
    )


def _logits(network: Differentiable, inputs: Inputs) -> Float[Tensor, "N C"]:
    logits = network.forward(network.state, inputs)
    if logits.ndim != 2:
        raise ValueError(
            f"gradients of the last layer are of one label a point, but the network gives {tuple(logits.shape)}: for "
            "maps use all layers, parameters='all'"
        )
    return finite(logits)


def _at_least_two(logits: Float[Tensor, "N C"]) -> Float[Tensor, "N E"]:
    return torch.cat([torch.zeros_like(logits), logits], 1) if logits.shape[1] == 1 else logits
