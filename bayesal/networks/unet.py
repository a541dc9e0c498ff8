"""A small U-Net: a map of classes for an image."""

from jaxtyping import Float
from torch import Tensor, cat, nn
from torch.nn import functional as F


class SmallUNet(nn.Module):
    """Images to logits for every pixel, ``N channels H W`` to ``N num_classes H W`` (after Ronneberger et al., 2015).

    Two levels down by max-pooling and two up by interpolation, each with two 3 x 3 convolutions, joined to what was
    seen on the way down; ``width`` channels at full size, twice as many a level below. Channels are dropped where the
    image is smallest and before the last layer, a 1 x 1 convolution. Groups of channels are normalised instead of
    batches: a few masks do not carry statistics. Raises ValueError for images whose sides are no multiples of 4.
    """

    def __init__(self, num_classes: int = 2, channels: int = 1, *, width: int = 8, dropout: float = 0.2) -> None:
        super().__init__()
        self.first = _block(channels, width)
        self.second = _block(width, 2 * width)
        self.third = _block(2 * width, 4 * width)
        self.drop = nn.Dropout2d(dropout)
        self.back_second = _block(6 * width, 2 * width)
        self.back_first = _block(3 * width, width)
        self.drop_last = nn.Dropout2d(dropout)
        self.head = nn.Conv2d(width, num_classes, kernel_size=1)

    def forward(self, images: Float[Tensor, "N channels H W"]) -> Float[Tensor, "N num_classes H W"]:
        if images.shape[-2] % 4 or images.shape[-1] % 4:
            raise ValueError(
                f"the sides of an image must be multiples of 4 to be halved twice, but it is {images.shape[-2]} x "
                f"{images.shape[-1]}; pad it"
            )
        first = self.first(images)
        second = self.second(F.max_pool2d(first, 2))
        third = self.drop(self.third(F.max_pool2d(second, 2)))
        second = self.back_second(cat([_twice(third), second], 1))
        first = self.back_first(cat([_twice(second), first], 1))
        return self.head(self.drop_last(first))


def _block(inputs: int, outputs: int) -> nn.Sequential:
    groups = max(1, outputs // 8)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size=3, padding=1),
        nn.GroupNorm(groups, outputs),
        nn.ReLU(),
        nn.Conv2d(outputs, outputs, kernel_size=3, padding=1),
        nn.GroupNorm(groups, outputs),
        nn.ReLU(),
    )


def _twice(images: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H2 W2"]:
    return F.interpolate(images, scale_factor=2.0, mode="nearest")
