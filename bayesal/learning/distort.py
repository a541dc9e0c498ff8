"""Random views of images that are turned, stretched and slanted a little, and moved."""

import math
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Shaped
from torch import Generator, Tensor
from torch.nn.functional import affine_grid, grid_sample

from bayesal.learning.augment import TABLES, Augment

LIGHT = Augment(contrast=0.2, brightness=0.2, noise=0.1)


@dataclass(frozen=True)
class Distort:
    """``distort(images, generator)``: another view of each image ``N C H W``, by a map of its plane of its own.

    Turned by up to ``rotation`` degrees, each side stretched by up to the share ``stretch``, slanted by up to ``shear``
    of its height, moved by up to the share ``shift`` of each side, each uniform; between pixels it is interpolated,
    and the edge is repeated. Then ``after`` changes what is seen, as ``Augment`` does. Draws are on the CPU from
    ``generator``. Raises ValueError for settings out of range, and for points that are not images of real numbers.
    """

    rotation: float | int = 15
    stretch: float | int = 0.2
    shear: float | int = 0.2
    shift: float | int = 0.1
    after: Augment = LIGHT

    def __post_init__(self) -> None:
        for field in fields(self)[:4]:
            value, most = getattr(self, field.name), 180 if field.name == "rotation" else 1
            if not 0 <= value <= most:
                raise ValueError(f"{field.name} must be at least 0 and at most {most}, but it is {value}")

    def __call__(self, images: Shaped[Tensor, "N ..."], generator: Generator) -> Float[Tensor, "N ..."]:
        if images.ndim != 4 or not images.is_floating_point():
            raise ValueError(
                f"only images N C H W of real numbers can be turned, but these are {images.dtype} of shape "
                f"{tuple(images.shape)}; use Augment"
            )
        if not len(images):
            return images
        maps = self._maps(len(images), generator).to(images)
        grid = affine_grid(maps, list(images.shape), align_corners=False)
        moved = grid_sample(images, grid, padding_mode="border", align_corners=False)
        return self.after(moved, generator)

    def _maps(self, count: int, generator: Generator) -> Float[Tensor, "N 2 3"]:
        """From places in the view to places in the image, both from -1 to 1."""
        drawn = 2 * torch.rand(count, 6, generator=generator) - 1
        angle = drawn[:, 0] * (self.rotation * math.pi / 180)
        across, down = 1 + self.stretch * drawn[:, 1], 1 + self.stretch * drawn[:, 2]
        cosine, sine = angle.cos(), angle.sin()
        first = torch.stack([cosine * across, self.shear * drawn[:, 3] - sine * down, 2 * self.shift * drawn[:, 4]], 1)
        second = torch.stack([sine * across, cosine * down, 2 * self.shift * drawn[:, 5]], 1)
        return torch.stack([first, second], 1)


def distort_for(points: Shaped[Tensor, "N ..."]) -> Distort | Augment:
    """Views to learn features from without labels, of points like these (standardised): ``Distort`` for images."""
    return Distort() if points.ndim == 4 else TABLES
