"""The networks of a belief, and what is trained in them: what every view of gradients starts from."""

from collections.abc import Collection, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Generator, Tensor, nn
from torch.distributions import Categorical, Distribution, Independent

from bayesal.data.pool import Pool
from bayesal.numerics.autodiff import count_of
from bayesal.numerics.layers import recording
from bayesal.types import Differentiable, Inputs, Members, Posterior


@runtime_checkable
class Trains(Protocol):
    """A belief that tells which entries of its ``state`` are learned; of others all floating-point entries count."""

    @property
    def trainable(self) -> Collection[str]: ...


def networks_of(belief: Any, instead: str) -> Sequence[Differentiable]:
    """The networks of a belief, one or several. Raises ValueError for one that has none, saying what to do instead."""
    networks = belief.members if isinstance(belief, Members) else [belief]
    if not all(isinstance(network, Differentiable) for network in networks) or not networks:
        raise ValueError(
            f"a {type(belief).__name__} has no network that can be differentiated: {instead}, use --posterior "
            "mc-dropout or ensemble (MCDropout, DeepEnsemble), or give the belief state and forward(state, inputs)"
        )
    return networks


def trained_state(network: Differentiable) -> dict[str, Tensor]:
    """Its state, where what is trained requires a gradient: what the belief calls ``trainable``, or all floats."""
    state = network.state
    names = set(network.trainable) if isinstance(network, Trains) else set(state)
    leaves = {name: value.detach() for name, value in state.items()}
    for name, leaf in leaves.items():
        leaf.requires_grad_(name in names and leaf.is_floating_point())
    return leaves


def predictions_at_one(belief: Any, pool: Pool) -> Distribution | None:
    """What a belief says of one point of the pool, to see what kind of labels it predicts; None if it says nothing."""
    if not isinstance(belief, Posterior):
        return None
    with torch.no_grad():
        return belief.draw(1, generator=Generator().manual_seed(0))(pool.gather(pool.ids[:1]))


def check_classes(belief: Any, pool: Pool, what: str, *, maps: bool = False) -> None:
    """Raises ValueError for a belief that predicts anything but classes (or maps of classes, where they will do)."""
    predictions = predictions_at_one(belief, pool)
    base = predictions.base_dist if maps and isinstance(predictions, Independent) else predictions
    if base is not None and not isinstance(base, Categorical):
        raise ValueError(
            f"{what} are of one label among classes, but the model predicts {type(base).__name__}; for other tasks use "
            "bald, entropy, or a kernel of gradients as in lcmd"
        )


def head_has_bias(network: Any, inputs: Inputs) -> bool:
    """Whether the last linear layer has a bias that is trained; taken to be so of what cannot be differentiated."""
    if not isinstance(network, Differentiable):
        return True
    state = trained_state(network)
    with torch.enable_grad(), recording(state) as uses:
        network.forward(state, inputs)
    linear = [use for use in uses if isinstance(use.layer, nn.Linear)]
    return not linear or linear[-1].bias is not None


def is_empty(inputs: Inputs) -> bool:
    """Whether there are no points."""
    return count_of(inputs) == 0
