"""Small networks without a head: points in, features out."""

from jaxtyping import Float
from torch import Tensor, nn

LARGEST_SIDE = 32  # of the images the convolutions look at; larger ones are averaged down to it


class ImageEncoder(nn.Sequential):
    """Three 3 x 3 convolutions, each with batch normalisation and ReLU, then a 2 x 2 mean: to ``N 16·width``.

    ``N channels H W`` of any size. The first two halve images of 16 x 16 and larger, of smaller ones the second alone.
    """

    def __init__(self, channels: int, side: int, width: int = 16) -> None:
        smaller: list[nn.Module] = [nn.AdaptiveAvgPool2d(LARGEST_SIDE)] if side > LARGEST_SIDE else []
        super().__init__(
            *smaller,
            *_convolution(channels, width, stride=2 if side >= 16 else 1),
            *_convolution(width, 2 * width, stride=2),
            *_convolution(2 * width, 4 * width, stride=1),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
        )


class TableEncoder(nn.Sequential):
    """Two linear layers of ``width`` with batch normalisation and ReLU: ``N ...`` to ``N width``."""

    def __init__(self, inputs: int, width: int = 128) -> None:
        layers: list[nn.Module] = [nn.Flatten()]
        for before in (inputs, width):
            layers += [nn.Linear(before, width, bias=False), nn.BatchNorm1d(width), nn.ReLU()]
        super().__init__(*layers)


def encoder_for(points: Float[Tensor, "N ..."]) -> nn.Module:
    """The encoder for points like these: four axes are images."""
    if points.ndim == 4:
        return ImageEncoder(points.shape[1], max(points.shape[2:]))
    return TableEncoder(points.shape[1:].numel())


def _convolution(channels: int, width: int, *, stride: int) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, width, kernel_size=3, stride=stride, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(width), nn.ReLU()]
