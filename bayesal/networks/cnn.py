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
    """Two 3 x 3 convolutions and two linear layers for images of any size from 8 x 8: ``N channels H W`` to logits.

    Dropout sits in the linear half only: a hundred dropout hypotheses of an image cost one pass of the convolutions
    and a hundred of the small head. What the convolutions see is pooled to 2 x 2, so the size need not be known.
    """

    def __init__(
        self, num_classes: int = 10, channels: int = 1, *, width: int = 16, hidden: int = 128, dropout: float = 0.5
    ) -> None:
        super().__init__(
            nn.Conv2d(channels, width, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.AdaptiveMaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(8 * width, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, num_classes),
        )
