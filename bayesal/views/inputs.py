"""The points as they are, for kernels that need no model."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.types import Inputs as PointInputs
from bayesal.types import Kernel


@dataclass(frozen=True, repr=False)
class Inputs:
    """Rows are the points themselves, flattened to ``N D``; no belief is asked.

    ``kernel``: what is known of such rows, e.g. ``representations.ntk()``; None for their inner products.
    """

    kernel: Kernel | None = None

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> "InputsLook":
        return InputsLook(self.kernel)


@dataclass(frozen=True)
class InputsLook:
    """Points in, flattened points out."""

    kernel: Kernel | None = None

    def __call__(self, inputs: PointInputs, /) -> Float[Tensor, "N D"]:
        if not isinstance(inputs, Tensor):
            raise ValueError(
                f"kernels of inputs need points that are one tensor, but these are a {type(inputs).__name__}; use a "
                "kernel of the model's features or gradients"
            )
        points = inputs.flatten(1) if inputs.ndim > 1 else inputs[:, None]
        return points if points.is_floating_point() else points.to(torch.float32)
