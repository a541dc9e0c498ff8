"""Rows in fewer numbers: the principal components of all of them."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Shaped
from torch import Generator, Tensor

from bayesal.numerics.linalg import blocks
from bayesal.recipe import recipe
from bayesal.representations.door import as_features, wide
from bayesal.representations.mapped import mapped
from bayesal.representations.represented import Represented


@dataclass(frozen=True, repr=False)
class Principal:
    """Principal components in place of the rows; see :func:`principal`."""

    components: int = 50

    __repr__ = recipe

    def __post_init__(self) -> None:
        if self.components < 1:
            raise ValueError(f"there is at least 1 principal component, but {self.components} were asked for")

    def __call__(self, represented: Represented, /, *, generator: Generator) -> Represented:
        represented = as_features(represented, "principal")
        known, rows = represented.known, represented.rows
        mean, axes = principal_axes([known, rows], self.components)

        def of(block: Tensor) -> Tensor:
            return (block.double() - mean) @ axes

        dtype, width = wide(rows.dtype), axes.shape[1]
        return replace(
            represented, known=mapped(known, of, width, dtype), rows=mapped(rows, of, width, dtype), kernel=None
        )


def principal(components: int = 50) -> Principal:
    """(φ - mean) V: V the directions in which the known rows and those to choose from, taken together, vary most.

    ``components``: how many; fewer where rows have fewer numbers or there are fewer rows. With all of them distances
    stay as they are. Computed in float64 without chance, the sign of an axis so that its largest number is positive;
    rows stay in their precision. Pearson (1901).

    Raises ValueError for fewer than 1 component, a kernel without features, NaN and infinities.
    """
    return Principal(components)


def principal_axes(parts: list[Shaped[Tensor, "_ D"]], components: int) -> tuple[Tensor, Tensor]:
    """The mean ``D`` and the first axes ``D P`` of all rows of the parts together, in float64."""
    width, total = parts[0].shape[1], sum(map(len, parts))
    device = parts[0].device
    size = min(components, width, total)
    mean = torch.zeros(width, dtype=torch.float64, device=device)
    for part in parts:
        mean += part.sum(0, dtype=torch.float64) / max(1, total)
    if total < width:
        centred = torch.cat([part.double() - mean for part in parts])
        axes = torch.linalg.svd(centred, full_matrices=False).Vh.mT[:, :size]
    else:
        axes = torch.linalg.eigh(_scatter(parts, mean)).eigenvectors.flip(1)[:, :size]
    if axes.numel():
        axes = axes * axes.gather(0, axes.abs().argmax(0, keepdim=True)).sign()
    return mean, axes


def _scatter(parts: list[Shaped[Tensor, "_ D"]], mean: Float[Tensor, "D"]) -> Float[Tensor, "D D"]:
    scatter = torch.zeros(len(mean), len(mean), dtype=torch.float64, device=mean.device)
    for part in parts:
        for some in blocks(len(part), part.shape[1]):
            block = part[some].double() - mean
            scatter.addmm_(block.mT, block)
    return scatter
