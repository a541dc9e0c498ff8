"""The last layer of a belief's networks, as a matrix on the features they show."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bayesal.data.pool import Pool
from bayesal.numerics.layers import recording
from bayesal.types import Differentiable, Members
from bayesal.views.features import embeddings, side_by_side
from bayesal.views.networks import networks_of

TOLERANCE = 1e-4  # of the largest logit
STATISTICS = ("running_mean", "running_var")  # of batch norms, by which torch does not differentiate


@dataclass(frozen=True, eq=False)
class Head:
    """logits = features @ weightᵀ + bias."""

    weight: Float[Tensor, "C D"]
    bias: Float[Tensor, "C"]

    def __call__(self, features: Float[Tensor, "N D"]) -> Float[Tensor, "N C"]:
        return torch.addmm(self.bias.to(features), features, self.weight.to(features).mT)


def head_of(belief: Any, pool: Pool) -> Head:
    """The last linear layer of the belief's network, on the rows of ``views.Features``.

    Of M networks it gives the mean of their logits: their weights side by side, each divided by √M, as their features
    are. Raises ValueError for a belief without networks or features, and where logits are not those of a linear layer
    on the features.
    """
    networks = networks_of(belief, "for the weights of a last layer")
    inputs = pool.gather(pool.ids[:1])
    heads = [_of_network(network, inputs) for network in networks]
    m = len(heads) if isinstance(belief, Members) else 1
    head = Head(
        torch.cat([each.weight for each in heads], 1) / m**0.5, torch.stack([each.bias for each in heads]).mean(0)
    )
    with torch.no_grad():
        features = side_by_side([embed(inputs) for embed in embeddings(belief)])
        logits = torch.stack([network.forward(network.state, inputs) for network in networks]).mean(0)
        fits = features.ndim == 2 and features.shape[1] == head.weight.shape[1]
        if not fits or not bool((head(features) - logits).abs().max() <= TOLERANCE * (1 + logits.abs().max())):
            raise ValueError(
                f"the logits of a {type(belief).__name__} are not those of its last linear layer on the features it "
                "shows; take another method, such as badge"
            )
    return head


def _of_network(network: Differentiable, inputs: Any) -> Head:
    state = {name: value.detach() for name, value in network.state.items()}
    for name, value in state.items():
        kept = name.rpartition(".")[2] in STATISTICS
        value.requires_grad_(value.is_floating_point() and not kept)  # recorded, trained or not
    with torch.enable_grad(), recording(state) as uses:
        network.forward(state, inputs)
    linear = [use for use in uses if isinstance(use.layer, nn.Linear) and use.weight is not None]
    if not linear:
        raise ValueError(
            f"the network of a {type(network).__name__} has no linear layer, so features cannot be mixed before it; "
            "take another method, such as entropy"
        )
    weight = state[str(linear[-1].weight)].detach()
    bias = linear[-1].bias
    return Head(weight, weight.new_zeros(len(weight)) if bias is None else state[bias].detach())
