"""Points with their targets, and the draws of an epoch."""

from dataclasses import dataclass

import torch
from jaxtyping import Int, Shaped
from torch import Generator, Tensor


@dataclass(frozen=True, eq=False)
class Examples:
    """L points and what they should give, in memory and on one device; images are kept channels-last."""

    inputs: Shaped[Tensor, "_ ..."]
    targets: Shaped[Tensor, "_ ..."]

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.targets):
            raise ValueError(f"there are {len(self.inputs)} points but {len(self.targets)} targets; give one a point")
        if len(self.inputs) == 0:
            raise ValueError("there are no points to train on or to validate with; give at least one")
        if self.inputs.ndim == 4:
            object.__setattr__(self, "inputs", self.inputs.contiguous(memory_format=torch.channels_last))

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, positions: Int[Tensor, "B"]) -> "Examples":
        """These points, in this order; a point may come more than once."""
        if self.inputs.ndim == 4:  # seen channels-last, a point is one run of memory
            inputs = self.inputs.permute(0, 2, 3, 1).index_select(0, positions).permute(0, 3, 1, 2)
        else:
            inputs = self.inputs.index_select(0, positions)
        return Examples(inputs, self.targets.index_select(0, positions))

    def tiled(self, times: int) -> "Examples":
        """All points, so many times over."""
        if times == 1:
            return self
        return Examples(torch.cat([self.inputs] * times), torch.cat([self.targets] * times))


def draws(num_points: int, size: int, *, generator: Generator) -> Int[Tensor, "S"]:
    """Positions for one epoch of ``size`` draws: shuffles of all points laid end to end, cut off at ``size``.

    Every point is drawn equally often, up to one; within a shuffle none repeats.
    """
    shuffles = -(-size // num_points)
    return torch.rand(shuffles, num_points, generator=generator).argsort(dim=1).flatten()[:size]
