"""Rows of length 1 in a few directions, as density-aware methods see features, and all pairs of them."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from benchmarks._kernels.inputs import pool_and_given
from benchmarks._subjects.subject import Size

NEIGHBOURS = 20
ALL_PAIRS = "N x N at once"


def directions(size: Size, device: torch.device) -> tuple[Tensor, Tensor]:
    """Rows ``N D`` of a pool and ``L D`` of what is labelled."""
    rows, given = pool_and_given(size, device)
    return normalize(rows, dim=1), normalize(given, dim=1)


def every_pair(rows: Tensor) -> Tensor:
    """Squared distances ``N N``; infinite from a row to itself."""
    return torch.cdist(rows, rows).square_().fill_diagonal_(torch.inf)
