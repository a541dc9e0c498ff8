"""The empirical neural tangent kernel of a network: inner products of its gradients, without storing all of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils._pytree import tree_map

from bayesal.numerics.autodiff import Objective, as_tensors, count_of
from bayesal.numerics.gradient_block import Block
from bayesal.numerics.gradients import PointGradients
from bayesal.types import Inputs

CHUNK = 128  # points that go through the network at once, at most
NUMBERS = 2**27  # of gradients in each of two blocks of points: 512 MiB of float32


def empirical_ntk(
    gradients: PointGradients, inputs: Inputs, objectives: Sequence[Objective], others: Inputs | None = None
) -> Float[Tensor, "N M"]:
    """Θ(x, x') = ⟨∇ f(x), ∇ f(x')⟩ over all that is trained, in float64; ``others``: x', by default the inputs.

    ``objectives``: outputs ``N C`` to one number a point; of Q of them the kernel is ``N·Q M·Q``, the number of the
    objective being the fast index, so that it is positive semi-definite as a whole. Gradients in the weight of a linear
    layer are kept as products δ ⊗ a, whose inner products are (δ·δ')(a·a'); all others are written down. Blocks of
    points that fit into memory are paired, and what does not fit is computed again: O(N M P) time for P weights that
    are written down, and memory of two blocks beside the kernel.

    Raises ValueError for inputs that are not tensors, and as ``PointGradients`` does.
    """
    inputs = as_tensors(inputs)
    rows = _Points(gradients, inputs, objectives)
    columns = rows if others is None else _Points(gradients, as_tensors(others), objectives)
    kernel: Tensor | None = None
    for start, block in rows.blocks():
        for place, other in columns.blocks(start if others is None else 0, block if others is None else None):
            part = block.products(other)
            if kernel is None:
                kernel = part.new_empty(rows.count * len(objectives), columns.count * len(objectives))
            kernel[_span(start, part, 0, objectives), _span(place, part, 1, objectives)] = part
            if others is None and place > start:
                kernel[_span(place, part, 1, objectives), _span(start, part, 0, objectives)] = part.mT
    if kernel is None:
        kernel = torch.zeros(rows.count * len(objectives), columns.count * len(objectives), dtype=torch.float64)
    return kernel


@dataclass(frozen=True, eq=False)
class _Points:
    """Points whose gradients are computed a block at a time, the objectives of a point side by side."""

    gradients: PointGradients
    inputs: Inputs
    objectives: Sequence[Objective]

    @property
    def count(self) -> int:
        return count_of(self.inputs)

    @property
    def step(self) -> int:
        """Points that go through the network at once: so few that their gradients would fit written down."""
        trained = sum(self.gradients.state[name].numel() for name in self.gradients.names)
        return max(1, min(CHUNK, NUMBERS // (trained * len(self.objectives))))

    def blocks(self, start: int = 0, first: Block | None = None) -> Iterator[tuple[int, Block]]:
        """From this point on: where a block begins, and the block; ``first`` is the one that is known already."""
        if first is not None:
            yield start, first
            start += len(first.written) // len(self.objectives)
        while start < self.count:
            chunks = [self._chunk(start)]
            size = self.step * max(1, NUMBERS // max(1, chunks[0].numbers * len(self.objectives)) // self.step)
            rest = range(start + self.step, min(start + size, self.count), self.step)
            yield start, Block.joined(chunks + [self._chunk(place) for place in rest])
            start += size

    @torch.no_grad()
    def _chunk(self, start: int) -> Block:
        run = self.gradients(tree_map(lambda part: part[start : start + self.step], self.inputs))
        return Block.side_by_side([Block.of(run.gradients(objective)) for objective in self.objectives])


def _span(start: int, part: Tensor, axis: int, objectives: Sequence[Objective]) -> slice:
    return slice(start * len(objectives), start * len(objectives) + part.shape[axis])
