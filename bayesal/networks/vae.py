"""Variational autoencoders for small images and for tables."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

LARGEST_SIDE = 32
"""Of the images that are reconstructed; larger ones are averaged down to it."""


class Code(NamedTuple):
    """What an autoencoder makes of points: what it was to reconstruct, what came out, and the code's two halves."""

    points: Float[Tensor, "N ..."]
    reconstructed: Float[Tensor, "N ..."]
    mean: Float[Tensor, "N Z"]
    log_variance: Float[Tensor, "N Z"]


class VAE(nn.Module):
    """x̂ = decoder(μ + σ ε), (μ, ln σ²) = encoder(x), ε ~ N(0, I) (Kingma and Welling, 2014): ``N ...`` to a ``Code``.

    ``encoder``: to ``N 2Z``; ``decoder``: from ``N Z`` to what ``shrink`` makes of the points (by default themselves).
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, shrink: nn.Module | None = None) -> None:
        super().__init__()
        self.shrink = nn.Identity() if shrink is None else shrink
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, points: Float[Tensor, "N ..."]) -> Float[Tensor, "N Z"]:
        """μ, the mean of the code."""
        return self.encoder(self.shrink(points)).chunk(2, dim=1)[0]

    def forward(self, points: Float[Tensor, "N ..."]) -> Code:
        small = self.shrink(points)
        mean, log_variance = self.encoder(small).chunk(2, dim=1)
        code = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        return Code(small, self.decoder(code).view_as(small), mean, log_variance)


def vae_for(shape: tuple[int, ...], latent: int = 32) -> VAE:
    """A small autoencoder for points of this shape: convolutions for images (``channels H W``), linear layers else."""
    if len(shape) == 3 and min(shape[1:]) >= 4:
        return conv_vae(shape[0], (shape[1], shape[2]), latent)
    return mlp_vae(torch.Size(shape).numel(), latent)


def mlp_vae(inputs: int, latent: int = 32, hidden: int = 128) -> VAE:
    """One hidden layer on either side, of points of ``inputs`` numbers."""
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latent))
    decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, inputs))
    return VAE(encoder, decoder)


def conv_vae(channels: int, image_size: tuple[int, int], latent: int = 32, width: int = 16) -> VAE:
    """Two convolutions of stride 2 and one linear layer, and back, for images of at least 4 x 4.

    Images with a side above 32 are averaged down to 32 x 32 first, and that is what is reconstructed.
    """
    if min(image_size) < 4:
        raise ValueError(f"the images must be at least 4 x 4 to be halved twice, but they are {image_size}")
    large = max(image_size) > LARGEST_SIDE
    rows, columns = (LARGEST_SIDE, LARGEST_SIDE) if large else image_size
    small = (-(-rows // 4), -(-columns // 4))
    flat = 2 * width * small[0] * small[1]
    encoder = nn.Sequential(
        nn.Conv2d(channels, width, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(flat, 2 * latent),
    )
    decoder = nn.Sequential(
        nn.Linear(latent, flat),
        nn.ReLU(),
        nn.Unflatten(1, (2 * width, *small)),
        nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1),
        Cropped(rows, columns),
    )
    return VAE(encoder, decoder, nn.AdaptiveAvgPool2d(LARGEST_SIDE) if large else None)


class Cropped(nn.Module):
    """The first ``rows`` x ``columns`` of images."""

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns

    def forward(self, images: Float[Tensor, "N channels H W"]) -> Float[Tensor, "N channels h w"]:
        return images[:, :, : self.rows, : self.columns]
