"""Gradients of a whole network, exactly: by its layers where they are linear, else weight by weight."""

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bayesal.numerics.gradients import Pass, PointGradients
from bayesal.representations.combined import Part, Product, Sum
from bayesal.types import Differentiable, Inputs, Kernel
from bayesal.views.networks import is_empty, trained_state
from bayesal.views.outputs import Outputs, objectives

LARGEST = 10_000  # numbers in one row: 400 MB for 10,000 points

Rows = Callable[[Inputs], Float[Tensor, "N p"]]


def exact(networks: Sequence[Differentiable], one: Inputs, outputs: Outputs) -> tuple[Rows, Kernel | None]:
    """Rows of these networks together, and their kernel, None for inner products; ``one`` is a point to try it on.

    Raises ValueError for networks of other layers with more than 10,000 trained weights.
    """
    parts = [PointGradients(network.forward, trained_state(network)) for network in networks]
    if is_empty(one):
        return (lambda inputs: torch.empty(0, 0)), None
    runs = [part(one) for part in parts]
    rows_of = _by_layer if all(map(_is_chain, runs)) else _by_weight
    shown = [rows_of(run, outputs) for run in runs]
    sizes = [block.shape[1] for blocks in shown for block in blocks]
    if rows_of is _by_weight and sum(sizes) > LARGEST:
        raise ValueError(
            f"exact gradients of this network are {sum(sizes):,} numbers a point, more than the {LARGEST:,} that are "
            "kept: sketch them, as in Gradients(sketch=512)"
        )

    def rows(inputs: Inputs) -> Tensor:
        if is_empty(inputs):
            return shown[0][0].new_empty(0, sum(sizes))
        return torch.cat([block for part in parts for block in rows_of(part(inputs), outputs)], 1)

    if rows_of is _by_weight:
        return rows, None
    spans = list(pairwise(accumulate(sizes, initial=0)))
    layers = [Product((Part(*given), Part(*above))) for given, above in zip(spans[::2], spans[1::2], strict=True)]
    return rows, Sum(tuple(layers))


def _is_chain(run: Pass) -> bool:
    """Whether all that is trained are the weights, and biases, of linear layers, each used once for a point."""
    explained, unused = run.of.explained(run)
    weights = [use.weight for use in run.uses]
    alone = all(isinstance(use.layer, nn.Linear) and use.output.ndim == 2 and use.weight for use in run.uses)
    biases = {use.bias for use in run.uses} - {None}
    return (
        alone
        and len(set(weights)) == len(weights)
        and explained == {*weights, *biases}
        and (explained | unused == set(run.of.names))
    )


def _by_layer(run: Pass, outputs: Outputs) -> list[Tensor]:
    """Of every layer its inputs, with a 1 if it has a bias, and the gradients of its outputs."""
    found = [run.gradients(objective).products for objective in objectives(outputs, run.outputs)]
    blocks = []
    for use in run.uses:
        given = use.given.detach()
        blocks.append(torch.cat([given, torch.ones_like(given[:, :1])], 1) if use.bias else given)
        blocks.append(torch.cat([products[str(use.weight)][0][1] for products in found], 1))
    return blocks


def _by_weight(run: Pass, outputs: Outputs) -> list[Tensor]:
    """The gradients in all trained weights."""
    return [
        block for objective in objectives(outputs, run.outputs) for block in run.gradients(objective).rows(run.of.names)
    ]
