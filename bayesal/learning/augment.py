"""Random views of points: what self-supervised and contrastive trainings compare a point with."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Shaped
from torch import Generator, Tensor


@dataclass(frozen=True)
class Augment:
    """``augment(points, generator)``: another view of each point, of the same shape; each is changed on its own.

    Four axes ``N channels rows columns`` are images, seen in this order: moved by up to ``shift`` of each side in whole
    pixels (edges are repeated), mirrored left to right with probability 1/2 (``flip``; off, for it makes other digits
    and letters), contrast around an image's own mean times 1 ± ``contrast``, ``brightness`` added, each uniform.
    Then for points of any shape: each number is set to 0 with probability ``mask``, and Gaussian ``noise`` is added.
    All but ``shift``, ``flip`` and ``mask`` are in units of the points, which are taken to be standardised: so 0 is
    their mean, and 1 their standard deviation.

    All draws are on the CPU from ``generator``; the global generators are not touched. A setting of 0 draws nothing.
    Gradients flow through. Raises ValueError for settings out of range, and for points that are not real numbers.
    """

    shift: float = 0.0
    flip: bool = False
    contrast: float = 0.0
    brightness: float = 0.0
    mask: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            most = 1.0 if field.name in ("shift", "contrast", "mask") else float("inf")
            if not 0 <= value < most:
                raise ValueError(f"{field.name} must be at least 0 and less than {most}, but it is {value}")

    def __call__(self, points: Shaped[Tensor, "N ..."], generator: Generator) -> Float[Tensor, "N ..."]:
        if not points.is_floating_point():
            raise ValueError(
                f"only points that are real numbers have views like these, but the points are {points.dtype}; give an "
                "augmentation of your own, called with (points, generator)"
            )
        if points.ndim == 4:
            points = self._seen(points, generator)
        if self.mask:
            kept = torch.rand(points.shape, generator=generator) >= self.mask
            points = points * kept.to(points.device)
        if self.noise:
            drawn = torch.randn(points.shape, generator=generator).to(points)
            points = points + self.noise * drawn
        return points

    def _seen(self, images: Float[Tensor, "N C H W"], generator: Generator) -> Float[Tensor, "N C H W"]:
        if self.shift:
            images = _shifted(images, self.shift, generator)
        if self.flip:
            mirrored = torch.rand(len(images), generator=generator) < 0.5
            images = torch.where(mirrored.to(images.device)[:, None, None, None], images.flip(3), images)
        if self.contrast:
            mean = images.mean(dim=(1, 2, 3), keepdim=True)
            images = mean + (images - mean) * (1 + self.contrast * _uniform(images, generator))
        if self.brightness:
            images = images + self.brightness * _uniform(images, generator)
        return images


IMAGES = Augment(shift=0.125, contrast=0.2, brightness=0.2, noise=0.1)
"""One pixel for 8 x 8, three for 28 x 28, four for 32 x 32, as is usual for those."""
TABLES = Augment(mask=0.2, noise=0.1)


def augment_for(points: Shaped[Tensor, "N ..."]) -> Callable[[Tensor, Generator], Tensor]:
    """The default views of points like these (standardised): ``IMAGES`` for four axes, else ``TABLES``."""
    return IMAGES if points.ndim == 4 else TABLES


def _shifted(images: Float[Tensor, "N C H W"], share: float, generator: Generator) -> Float[Tensor, "N C H W"]:
    """Each moved by its own whole numbers of rows and columns; what comes in repeats the edge."""
    places = []
    for size in images.shape[2:]:
        most = int(share * size)
        moved = torch.randint(-most, most + 1, (len(images), 1), generator=generator)
        places.append((torch.arange(size) + moved).clamp(0, size - 1).to(images.device))
    rows, columns = places
    which = torch.arange(len(images), device=images.device)
    return images.movedim(1, -1)[which[:, None, None], rows[:, :, None], columns[:, None, :]].movedim(-1, 1)


def _uniform(images: Float[Tensor, "N C H W"], generator: Generator) -> Float[Tensor, "N 1 1 1"]:
    """From -1 to 1, one an image."""
    return (2 * torch.rand(len(images), 1, 1, 1, generator=generator) - 1).to(images)
