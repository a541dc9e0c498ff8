"""How far points typically lie from each other: where length-scales start."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

SAMPLE = 1000  # points that typical distances are read off


def typical_distance(points: Float[Tensor, "L D"], average: Callable[[Tensor], Tensor] = torch.median) -> float:
    """The median (or other average) distance between different points, of a thousand at most; 1 if all are the same."""
    distances = torch.pdist(points[:: -(-len(points) // SAMPLE)].detach())
    distances = distances[distances > 0]
    return float(average(distances)) if len(distances) else 1.0
