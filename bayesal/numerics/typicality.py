"""How close a row's neighbours are: an inverse density."""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from bayesal.numerics.linalg import blocks

PAIRS = 2**22  # products of rows held at once, in float64
NEAREST = 1e-5  # added to mean distances, so that copies are typical and not infinitely so


def typicality(rows: Shaped[Tensor, "N D"], k: int, *, squared: bool = True) -> Float[Tensor, "N"]:
    """1 / (mean of d(x, x') over the k nearest other rows + 1e-5), d the squared distance, or the distance.

    Hacohen, Dekel and Weinshall (ICML 2022). Neighbours are screened as products and their distances are differences,
    all in float64. With no neighbours (k = 0) typicality is 0. Memory: a few blocks of rows, and N D in float64.
    """
    if not 0 <= k <= max(0, len(rows) - 1):
        raise ValueError(f"each of {len(rows)} rows has at most {max(0, len(rows) - 1)} neighbours, but k is {k}")
    result = torch.zeros(len(rows), dtype=torch.float64, device=rows.device)
    if k == 0:
        return result
    exact = rows.detach().double()
    centred = exact - exact.mean(0)
    norms = centred.square().sum(1)
    for some in blocks(len(rows), max(len(rows), k * rows.shape[1]), PAIRS):
        screened = torch.addmm(norms, centred[some], centred.mT, alpha=-2)
        own = torch.arange(len(rows), device=rows.device)[some]
        screened[torch.arange(len(own), device=rows.device), own] = torch.inf  # a row by its place, not its distance
        nearest = screened.topk(k, largest=False).indices
        distances = (exact[some, None] - exact[nearest]).square().sum(2)
        result[some] = 1 / ((distances if squared else distances.sqrt()).mean(1) + NEAREST)
    return result
