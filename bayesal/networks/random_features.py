"""Random Fourier features: a layer whose linear functions are close to a Gaussian process."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

PROJECTION = 128  # numbers of a point that the features are functions of


class RandomFourierFeatures(nn.Module):
    """φ(x) = cos(W h + b) / s, ``N width`` to ``N num_features``, with h = LayerNorm(P x): all fixed, none trained.

    b is uniform in [0, 2π); W has orthogonal blocks with chi-distributed norms (Yu et al., 2016), divided by
    ``length_scale``. With s = √(num_features / 2), the default, φ(x)·φ(x') is the squared-exponential kernel of h
    with variance 1 to O(1 / √num_features), as in SNGP (Liu et al., 2020), whose program takes s = 2.
    ``projection``: the numbers of h, a random projection of the input; None takes the input itself.
    ``normalise``: LayerNorm without weights; where h has a norm of √projection for every point, a ``length_scale`` of
    that size, the default, makes points in unrelated directions correlated by exp(-1). Without it the default is 1.

    Draws its numbers from the global generator, as modules do.
    """

    weight: Tensor
    offset: Tensor
    project: Tensor | None

    def __init__(
        self,
        width: int,
        num_features: int = 1024,
        *,
        projection: int | None = PROJECTION,
        normalise: bool = True,
        length_scale: float | None = None,
        scale: float | None = None,
    ) -> None:
        super().__init__()
        columns = projection or width
        self.num_features = num_features
        self.normalise = normalise
        self.scale = scale or math.sqrt(num_features / 2)
        length = length_scale or (math.sqrt(columns) if normalise else 1.0)
        self.register_buffer("project", torch.randn(width, projection) / math.sqrt(width) if projection else None)
        self.register_buffer("weight", orthogonal_features(num_features, columns) / length)
        self.register_buffer("offset", 2 * math.pi * torch.rand(num_features))

    def forward(self, points: Float[Tensor, "N width"]) -> Float[Tensor, "N D"]:
        if self.project is not None:
            points = points @ self.project
        if self.normalise:
            points = F.layer_norm(points, points.shape[1:])
        return torch.cos(F.linear(points, self.weight, self.offset)) / self.scale


def orthogonal_features(num_features: int, columns: int) -> Float[Tensor, "D columns"]:
    """Rows N(0, I) each, orthogonal to the others of their block of ``columns`` rows."""
    blocks = []
    for _ in range(-(-num_features // columns)):
        directions = torch.linalg.qr(torch.randn(columns, columns))[0]
        signs = torch.randint(2, (columns,)) * 2.0 - 1  # QR fixes signs, which a rotation must not
        blocks.append(signs[:, None] * directions * torch.randn(columns, columns).norm(dim=1, keepdim=True))
    return torch.cat(blocks)[:num_features]
