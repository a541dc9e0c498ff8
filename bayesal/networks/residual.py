"""Residual networks: features that keep distances, for Gaussian processes and random features on top of them."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class ResidualMLP(nn.Module):
    """A linear layer, then ``depth`` times h + dropout(ReLU(linear(h))): ``N ...`` to features ``N width``.

    The input is flattened; ``inputs`` counts the numbers in one point. With ``outputs``, a linear head follows. Bounded
    by ``soft_spectral_norm`` its blocks move a point less than they keep of it, so that points far apart stay apart
    (van Amersfoort et al., 2021).
    """

    def __init__(
        self, inputs: int, outputs: int | None = None, *, width: int = 128, depth: int = 4, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.first = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Identity() if outputs is None else nn.Linear(width, outputs)

    def forward(self, points: Float[Tensor, "N ..."]) -> Float[Tensor, "N D"]:
        if points.shape[1:].numel() != self.inputs:
            raise ValueError(
                f"this network takes {self.inputs} numbers a point, but the points have shape {tuple(points.shape[1:])}"
            )
        features = self.first(points.reshape(points.shape[0], self.inputs))
        for block in self.blocks:
            features = features + self.dropout(F.relu(block(features)))
        return self.head(features)


class ResidualCNN(nn.Module):
    """Three stages of residual 3 x 3 convolutions, then the mean over the image: ``N channels H W`` to ``N 4·width``.

    Each stage after the first halves the image and doubles the channels by a convolution with stride 2; ``depth``
    blocks h + conv(ReLU(conv(ReLU(h)))) a stage. ``stride``: that of the first convolution, 2 for larger images. There
    is no batch normalisation: a few dozen labels do not carry it. With ``outputs``, a linear head follows. Images of
    4 x 4 and larger.
    """

    def __init__(
        self,
        outputs: int | None = None,
        channels: int = 1,
        *,
        width: int = 16,
        depth: int = 1,
        stride: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        stages: list[nn.Module] = [nn.Conv2d(channels, width, kernel_size=3, stride=stride, padding=1)]
        for stage in range(3):
            own = width * 2**stage
            if stage:
                stages.append(nn.Conv2d(own // 2, own, kernel_size=3, stride=2, padding=1))
            stages += [_Block(own) for _ in range(depth)]
        self.body = nn.Sequential(*stages, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout))
        self.head = nn.Identity() if outputs is None else nn.Linear(4 * width, outputs)

    def forward(self, images: Float[Tensor, "N channels H W"]) -> Float[Tensor, "N D"]:
        return self.head(self.body(images))


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, kernel_size=3, padding=1)
        self.second = nn.Conv2d(channels, channels, kernel_size=3, padding=1)

    def forward(self, images: Float[Tensor, "N channels H W"]) -> Float[Tensor, "N channels H W"]:
        return images + self.second(F.relu(self.first(F.relu(images))))
