"""Small convolutional networks for small images. Both give logits, and both are plain chains of layers."""

from torch import nn


class MnistCNN(nn.Sequential):
    """The network of the BatchBALD experiments (Kirsch, van Amersfoort, Gal, 2019) for 28 x 28 images.

    Twice (5 x 5 convolution, channel dropout, 2 x 2 max-pool, ReLU), then 1024-128 with dropout, then the logits;
    every dropout probability is 0.5. ``N channels 28 28`` to ``N num_classes``.
    """

    def __init__(self, num_classes: int = 10, channels: int = 1) -> None:
        super().__init__(
            nn.Conv2d(channels, 32, kernel_size=5),
            nn.Dropout2d(0.5),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(32, 64, kernel_size=5),
            nn.Dropout2d(0.5),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(1024, 128),
            nn.Dropout(0.5),
            nn.ReLU(),
            nn.Linear(128, num_classes),
        )


class SmallCNN(nn.Sequential):
    """Twice (3 x 3 convolution, ReLU, 2 x 2 max-pool), then two linear layers, for images of about 8 x 8 to 32 x 32.

    ``N channels *image_size`` to ``N num_classes``. Dropout sits in the linear half only: a hundred dropout hypotheses
    of an image cost one pass of the convolutions and a hundred of the small head.
    """

    def __init__(
        self,
        num_classes: int = 10,
        channels: int = 1,
        *,
        image_size: int | tuple[int, int] = 8,
        width: int = 16,
        hidden: int = 128,
        dropout: float = 0.5,
    ) -> None:
        rows, columns = (image_size, image_size) if isinstance(image_size, int) else image_size
        if min(rows, columns) < 4:
            raise ValueError(f"the images must be at least 4 x 4 to be halved twice, but they are {rows} x {columns}")
        super().__init__(
            nn.Conv2d(channels, width, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(2 * width * (rows // 4) * (columns // 4), hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, num_classes),
        )
