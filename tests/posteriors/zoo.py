"""Networks with dropout in all the places where it is written."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

IMAGES = (3, 8, 8)


class Net(nn.Module):
    """Two convolutions, and whatever ``between`` does after the first dropout of channels."""

    def __init__(self, **convolution) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.second = nn.Conv2d(6, 4, **({"kernel_size": 3} | convolution))
        self.norm = nn.BatchNorm2d(6)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.between(F.dropout2d(self.first(x), 0.4))
        return self.head(self.second(x).mean((2, 3)))

    def between(self, x: Tensor) -> Tensor:
        return x


class Rectified(Net):
    def between(self, x: Tensor) -> Tensor:
        return F.max_pool2d(F.relu(x), 3, stride=2, padding=1)


class RectifiedInPlace(Net):
    def between(self, x: Tensor) -> Tensor:
        F.relu(x, inplace=True)
        return F.avg_pool2d(x, 2).relu_()


class ViewedThenChangedInPlace(Net):
    def between(self, x: Tensor) -> Tensor:
        seen = x.view(x.size(0), -1)
        x.relu_()
        x.mul_(2.0)
        return x + seen.mean(dim=1).view(-1, 1, 1, 1)


class Gated(Net):
    def between(self, x: Tensor) -> Tensor:
        return F.gelu(x) + torch.sigmoid(x) * torch.tanh(x)


class Normalised(Net):
    def between(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(x), 0.3)


class Concatenated(Net):
    def between(self, x: Tensor) -> Tensor:
        return torch.cat([x[:, 3:], F.relu(x)[:, :3]], dim=1)


class UsedTwice(Net):
    def between(self, x: Tensor) -> Tensor:
        return F.pad(self.second(x), (1, 1, 1, 1)).repeat(1, 2, 1, 1)[:, :6] + x


class Shaped(Net):
    def between(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        assert x.dim() == x.ndim == 4
        assert x.dtype.is_floating_point
        return x.permute(0, 2, 3, 1).reshape(n, h * w, c).transpose(1, 2).unflatten(2, (h, w)).contiguous()


class PooledToOne(Net):
    def between(self, x: Tensor) -> Tensor:
        return F.adaptive_max_pool2d(F.elu(F.adaptive_avg_pool2d(F.silu(x), 6)), 4)


class Pointwise(nn.Module):
    def __init__(self, drop: nn.Module) -> None:
        super().__init__()
        self.inner, self.outer, self.drop = nn.Linear(5, 7), nn.Linear(7, 3), drop

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(self.drop(torch.tanh(self.inner(x))))


class SharedTwice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.again, self.outer, self.drop = (
            nn.Linear(5, 7),
            nn.Linear(7, 7),
            nn.Linear(7, 3),
            nn.Dropout(0.5),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(self.drop(self.again(self.drop(self.inner(x)))))


class Functional(nn.Module):
    """All kinds, none of them told that this is training, one call of torch's own."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(5, 7), nn.Linear(7, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.dropout(self.inner(x), 0.3, training=False)
        x = F.alpha_dropout(x, 0.2, False) + F.feature_alpha_dropout(x, p=0.4)
        return self.outer(F.dropout(x, p=0.0))


class Residual(nn.Module):
    """Residuals by ``+``, by ``+=`` on what varies, and dropout in the middle of the network."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace=True))
        self.block = nn.Sequential(
            nn.Conv2d(6, 6, 3, padding=1), nn.GroupNorm(2, 6), nn.ReLU(inplace=True), nn.Dropout(0.2)
        )
        self.down = nn.Conv2d(6, 8, 3, stride=2, padding=1, bias=False)
        self.tail = nn.Sequential(nn.Dropout2d(0.5), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x + self.block(x)
        out = self.block(x)
        out += x
        return self.head(self.tail(self.down(out)))


class AddsInPlaceToShared(nn.Module):
    """``x += dropped`` where x is the same for all hypotheses: vmap cannot, the loop can."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer, self.drop = nn.Linear(5, 5), nn.Linear(5, 3), nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.inner(x)
        x += self.drop(torch.relu(x))
        return self.outer(x)


class DropsInPlace(nn.Module):
    """Dropout in place, with and without somebody else looking at what it overwrote."""

    def __init__(self, *, looked_at: bool) -> None:
        super().__init__()
        self.inner, self.outer, self.drop = nn.Linear(5, 7), nn.Linear(7, 3), nn.Dropout(0.5, inplace=True)
        self.looked_at = looked_at

    def forward(self, x: Tensor) -> Tensor:
        x = self.inner(x)
        y = torch.tanh(self.drop(x))
        return self.outer(x + y if self.looked_at else y)


class Branching(nn.Module):
    """The branch depends on the numbers, the dropout does not."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(5, 7), nn.Linear(7, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.dropout(self.inner(x), 0.5)
        return self.outer(x if x.abs().sum().item() > 1e9 else -x)


class Sentences(nn.Module):
    """A transformer block in plain operations, over integer tokens, given as named tensors."""

    def __init__(self, batch_first: bool = True) -> None:
        super().__init__()
        self.embed, self.norm = nn.Embedding(11, 8), nn.LayerNorm(8)
        self.qkv, self.out, self.head = nn.Linear(8, 24), nn.Linear(8, 8), nn.Linear(8, 3)
        self.attention_drop, self.drop = nn.Dropout(0.1), nn.Dropout(0.3)
        self.batch_first = batch_first

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        x = self.embed(tokens)
        if not self.batch_first:
            x = x.transpose(0, 1)
        x = self.drop(x)
        if not self.batch_first:
            x = x.transpose(0, 1)
        q, k, v = self.qkv(self.norm(x)).chunk(3, dim=-1)
        scores = q @ k.transpose(-1, -2) / 8**0.5
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, :], -1e9)
        x = x + self.drop(self.out(self.attention_drop(scores.softmax(-1)) @ v))
        return self.head(x.mean(dim=1))


def images(n: int = 5) -> Tensor:
    return torch.randn(n, *IMAGES, generator=torch.Generator().manual_seed(7))


def rows(n: int = 5) -> Tensor:
    return torch.randn(n, 5, generator=torch.Generator().manual_seed(8))


def tokens(n: int = 5, length: int = 6) -> Tensor:
    return torch.randint(11, (n, length), generator=torch.Generator().manual_seed(9))


ZOO = {
    "a linear layer after dropout on the input": (lambda: nn.Sequential(nn.Dropout(0.3), nn.Linear(5, 3)), rows),
    "dropout as the last operation": (lambda: nn.Sequential(nn.Linear(5, 3), nn.Dropout(0.3)), rows),
    "channel dropout on the input": (
        lambda: nn.Sequential(nn.Dropout2d(0.3), nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)),
        images,
    ),
    "channel dropout as the last operation": (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout2d(0.3)), images),
    "sequential with flatten, group norm and adaptive pool": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 6, 3),
            nn.Dropout2d(0.5),
            nn.GroupNorm(3, 6),
            nn.ReLU(inplace=True),
            nn.Conv2d(6, 4, 3),
            nn.Dropout(0.5),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(16, 7),
            nn.Dropout(0.5, inplace=True),
            nn.ReLU(inplace=True),
            nn.Linear(7, 3),
        ),
        images,
    ),
    "dropout of units of images": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 6, 3), nn.Dropout(0.3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)
        ),
        images,
    ),
    "plain": (Net, images),
    "rectified and pooled": (Rectified, images),
    "rectified in place": (RectifiedInPlace, images),
    "viewed, then changed in place": (ViewedThenChangedInPlace, images),
    "gated": (Gated, images),
    "normalised": (Normalised, images),
    "concatenated and sliced": (Concatenated, images),
    "used twice": (UsedTwice, images),
    "permuted and reshaped": (Shaped, images),
    "pooled adaptively": (PooledToOne, images),
    "strided and dilated": (
        lambda: Rectified(kernel_size=(3, 2), stride=(2, 1), padding=(2, 1), dilation=(2, 1)),
        images,
    ),
    "same padding": (lambda: Rectified(kernel_size=3, padding="same"), images),
    "reflected padding": (lambda: Rectified(kernel_size=3, padding=1, padding_mode="reflect"), images),
    "grouped": (lambda: Rectified(kernel_size=3, groups=2), images),
    "one by one": (lambda: Rectified(kernel_size=1, bias=False), images),
    "no bias": (lambda: Rectified(kernel_size=3, bias=False), images),
    "one module used twice": (SharedTwice, rows),
    "functions": (Functional, rows),
    "alpha dropout": (lambda: Pointwise(nn.AlphaDropout(0.3)), rows),
    "feature alpha dropout": (lambda: Pointwise(nn.FeatureAlphaDropout(0.3)), rows),
    "feature alpha dropout on images": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.FeatureAlphaDropout(0.4), nn.Conv2d(4, 3, 6), nn.Flatten()),
        images,
    ),
    "all dropped": (lambda: Pointwise(nn.Dropout(1.0)), rows),
    "all dropped by alpha dropout": (lambda: Pointwise(nn.AlphaDropout(1.0)), rows),
    "dropout of channels of sequences": (
        lambda: nn.Sequential(nn.Conv1d(3, 6, 3), nn.Dropout1d(0.4), nn.ReLU(), nn.Conv1d(6, 3, 6), nn.Flatten()),
        lambda n=5: images(n)[:, :, 0],
    ),
    "dropout of channels of volumes": (
        lambda: nn.Sequential(nn.Conv3d(1, 4, 2), nn.Dropout3d(0.4), nn.ReLU(), nn.Flatten(), nn.Linear(392, 3)),
        lambda n=5: images(n)[:, None],
    ),
    "residual": (Residual, images),
    "adds in place to what is shared": (AddsInPlaceToShared, rows),
    "drops in place": (lambda: DropsInPlace(looked_at=False), rows),
    "drops in place and looks": (lambda: DropsInPlace(looked_at=True), rows),
    "drops the input in place": (lambda: nn.Sequential(nn.Dropout(0.5, inplace=True), nn.Linear(5, 3)), rows),
    "data-dependent branch": (Branching, rows),
    "tokens": (Sentences, tokens),
}
"""Name: (how to build the network, how to make n points)."""
