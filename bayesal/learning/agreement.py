"""Whether networks trained together come out as if each were trained alone, to the last bit: tried out, not assumed.

A product of small matrices may be computed otherwise in a batch than alone, depending on the shapes, the processor and
the library beneath torch; and a network may couple the rows of a batch, or draw noise in a way of its own.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor, nn

from bayesal.learning.epochs import Epochs
from bayesal.learning.streams import seeded
from bayesal.learning.together import Together
from bayesal.learning.weights import Weights


def agree(networks: Sequence[nn.Module], epochs: Epochs, noise: Sequence[int]) -> bool:
    """Whether losses and gradients for training batches and outputs for validation points of every size are the same.

    Leaves the networks as they are. A failure counts as a no: trained alone, the network says what is wrong.
    """
    weights = Weights(networks)
    try:
        alone = []
        for row, network in enumerate(networks):
            with seeded(noise[row]):
                alone.append(_said(network, weights.leaves(row), epochs, 1))
        together = Together(weights, noise)
        with seeded(noise[0]):
            said = _said(together, together.leaves, epochs, len(networks))
        return all(
            torch.equal(torch.stack(parts).flatten(), whole.flatten())
            for *parts, whole in zip(*alone, said, strict=True)
        )
    except Exception:
        return False
    finally:
        weights.release(networks, weights.table.detach())


def _said(
    forward: Callable[[Tensor], Tensor], leaves: Sequence[Tensor], epochs: Epochs, num_networks: int
) -> list[Tensor]:
    """Losses and gradients for a batch of each size, then outputs for validation points."""
    said = []
    sizes = {batch.shape[1]: batch[0] for batch in epochs.batches([Generator()])}
    for positions in sizes.values():
        batch = epochs.examples[positions].tiled(num_networks)
        losses = epochs.loss(forward(batch.inputs), batch.targets)
        said += [losses.detach(), *torch.autograd.grad(losses.sum(), leaves)]
    with torch.no_grad(), epochs.modes.evaluation():
        chunks = {len(chunk): chunk for chunk in epochs.chunks()}
        return said + [forward(chunk.tiled(num_networks).inputs) for chunk in chunks.values()]
