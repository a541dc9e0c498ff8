"""Whether networks trained together come out as if each were trained alone, to the last bit: tried out, not assumed.

A product of small matrices may be computed otherwise in a batch than alone, depending on the shapes, the processor and
the library beneath torch; and a network may couple the rows of a batch, or draw noise in a way of its own.
"""

from collections.abc import Sequence

import torch
from torch import Generator, nn

from bayesal.learning.epochs import Epochs
from bayesal.learning.examples import Examples
from bayesal.learning.streams import seeded
from bayesal.learning.together import Together
from bayesal.learning.weights import Weights


def agree(networks: Sequence[nn.Module], epochs: Epochs, noise: Sequence[int]) -> bool:
    """Whether losses and gradients for training batches and outputs for validation points of every size are the same.

    Leaves the networks as they are. A failure counts as a no: trained alone, the network says what is wrong.
    """
    batches = {batch.shape[1]: batch[0] for batch in epochs.batches([Generator()])}
    chunks = {len(chunk): chunk for chunk in epochs.chunks()}
    weights = Weights(networks)
    try:
        return all(_same_step(weights, epochs, epochs.examples[batch], noise) for batch in batches.values()) and all(
            _same_outputs(weights, epochs, chunk) for chunk in chunks.values()
        )
    except Exception:
        return False
    finally:
        weights.release(networks, weights.table.detach())


def _same_step(weights: Weights, epochs: Epochs, batch: Examples, noise: Sequence[int]) -> bool:
    tiled = batch.tiled(len(noise))
    together = epochs.loss(Together(weights, noise)(tiled.inputs), tiled.targets).view(len(noise), -1)
    gradients = torch.autograd.grad(together.sum(), list(weights.views.values()))
    for row, (network, seed) in enumerate(zip(weights.networks, noise, strict=True)):
        with seeded(seed):
            alone = epochs.loss(network(batch.inputs), batch.targets)
        own = torch.autograd.grad(alone.sum(), weights.own(row))
        same = all(torch.equal(one, all_[row]) for one, all_ in zip(own, gradients, strict=True))
        if not (same and torch.equal(alone, together[row])):
            return False
    return True


@torch.no_grad()
def _same_outputs(weights: Weights, epochs: Epochs, chunk: Examples) -> bool:
    with epochs.modes.evaluation():
        together = Together(weights, ())(chunk.tiled(len(weights.networks)).inputs)
        return torch.equal(together, torch.cat([network(chunk.inputs) for network in weights.networks]))
