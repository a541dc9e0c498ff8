"""Rows of length 1: what makes distances those of directions."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.types import Inputs, Look
from bayesal.views.view import View


@dataclass(frozen=True, repr=False)
class Normalised:
    """x / ‖x‖ for the rows x of another view; a row of zeros stays as it is."""

    view: View[Any]

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> Look:
        seen = self.view(belief, pool, generator=generator)

        @torch.no_grad()
        def look(inputs: Inputs) -> Tensor:
            rows = seen(inputs)
            length = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
            return rows / torch.where(length > 0, length, 1)

        return look
