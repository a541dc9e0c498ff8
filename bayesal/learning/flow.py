"""A density that is learned from points alone: a normalising flow, fitted by maximum likelihood."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Generator, Tensor, nn
from torch.distributions import Independent, Normal, Transform, TransformedDistribution

from bayesal.learning.examples import Examples
from bayesal.learning.minimise import minimise
from bayesal.learning.own_loss import OwnLoss
from bayesal.learning.streams import Streams, seeded
from bayesal.learning.training import Training
from bayesal.recipe import recipe

BOUND = 4.0  # standard deviations: where a spline ends and the normal distribution goes on
STEEPEST = 3.0  # ln of how much one layer stretches at most
SINGULAR = 1e-10  # of a feature's variance, left over by those before it

TRAINING = Training(
    learning_rate=5e-3, batch_size=128, epoch_size=512, max_epochs=60, patience=8, clip_norm=5.0, progress=False
)
"""At most 240 steps of the optimiser, however many points there are."""


class Flow(nn.Module):
    """A density: a standard normal in D dimensions, moved by ``transforms`` one after the other (``Density``).

    Called it gives -ln p, ``N 1``, in nats: the loss of its training.
    """

    def __init__(self, width: int, transforms: Sequence[Transform]) -> None:
        super().__init__()
        self.width = width
        self.transforms = list(transforms)
        self.learned = nn.ModuleList([each for each in transforms if isinstance(each, nn.Module)])

    def forward(self, rows: Float[Tensor, "N D"]) -> Float[Tensor, "N 1"]:
        base = Independent(Normal(rows.new_zeros(self.width), 1.0, validate_args=False), 1)
        moved = TransformedDistribution(base, self.transforms, validate_args=False)
        return -moved.log_prob(rows.clone())[:, None]  # transforms know a tensor again: other weights, another tensor

    @torch.no_grad()
    def log_density(self, rows: Shaped[Tensor, "N D"], /) -> Float[Tensor, "N"]:
        """ln p of every row, in float64."""
        points = rows.double()
        return -self(points)[:, 0] if len(points) else points.new_zeros(0)  # Pyro's layers take no empty batch


@dataclass(frozen=True, repr=False)
class NormalisingFlow:
    """``fit(rows, generator)``: a density of rows ``L D`` by maximum likelihood, in float64 (``Flow``).

    The Gaussian with the rows' mean and covariance comes first, in closed form. On top of it are ``num_layers``
    affine coupling layers (RealNVP; Dinh, Sohl-Dickstein and Bengio, 2017), of networks with two hidden layers of
    ``hidden`` units that start as the identity; of one dimension, where nothing can be coupled, a rational spline
    (Durkan et al., 2019) instead. All are Pyro's. With ``num_layers`` 0 the Gaussian is all. The share ``held_out`` of
    the rows is not trained on: the weights are those of the epoch that said most of them.

    The generator is all the randomness; Pyro's parameter store is not used. Raises ValueError for rows that are no
    features or not finite, for fewer than two, and where a feature is constant or a sum of others.
    """

    num_layers: int = 8
    hidden: int = 32
    held_out: float = 0.2
    training: Training = TRAINING

    __repr__ = recipe

    def __post_init__(self) -> None:
        if self.num_layers < 0 or self.hidden < 1:
            raise ValueError(
                f"a flow has at least 0 layers of 1 hidden unit, but they are {self.num_layers} and {self.hidden}"
            )
        if not 0 < self.held_out < 1:
            raise ValueError(f"held_out is a share of the rows between 0 and 1, but it is {self.held_out}")

    def __call__(self, rows: Shaped[Tensor, "_ ..."], generator: Generator, /) -> Flow:
        streams = Streams.of(generator)
        known = _checked(rows)
        with seeded(streams.initialisation):
            learned = _layers(known.shape[1], self.num_layers, self.hidden, known.device)
        flow = Flow(known.shape[1], [*learned, _gaussian(known)]).to(known)
        if self.num_layers:
            mixed = known[torch.randperm(len(known), generator=generator).to(known.device)]
            held_out = max(1, round(self.held_out * len(known)))
            minimise(
                [flow],
                OwnLoss(),
                _examples(mixed[held_out:]),
                streams=[streams],
                training=self.training,
                validation=_examples(mixed[:held_out]),
            )
        return flow.eval().requires_grad_(False)


def _layers(width: int, count: int, hidden: int, device: torch.device) -> list[Any]:
    """The transforms that are trained: from those next to the standard normal to those next to the rows."""
    from pyro.distributions import transforms  # here, because Pyro takes seconds to import

    found: list[Any] = []
    if width == 1:
        if count:
            found.append(_still(transforms.Spline(1, bound=BOUND)))
        return found
    for _ in range(count):
        layer = transforms.affine_coupling(
            width, [hidden, hidden], log_scale_min_clip=-STEEPEST, log_scale_max_clip=STEEPEST
        )
        last: Any = layer.nn.layers[-1]
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        found += [layer, transforms.Permute(torch.arange(width, device=device).roll(1))]
    return found


@torch.no_grad()
def _still(spline: Any) -> Any:
    """The spline, so that it moves nothing yet: bins of one width and height, and slopes of 1."""
    for own in (spline.unnormalized_widths, spline.unnormalized_heights, spline.unnormalized_lambdas):
        own.zero_()
    spline.unnormalized_derivatives.fill_(math.log(math.e - 1))
    return spline


def _gaussian(rows: Float[Tensor, "L D"]) -> Any:
    """From a standard normal to the Gaussian of the rows' mean and covariance."""
    from pyro.distributions.transforms import LowerCholeskyAffine

    mean, spread = rows.mean(0), rows.std(0, correction=0)
    standard = (rows - mean) / torch.where(spread > 0, spread, 1.0)
    factor, failed = torch.linalg.cholesky_ex(standard.mT @ standard / len(rows))
    if bool(failed) or not float(factor.diagonal().amin()) ** 2 > SINGULAR:
        raise ValueError(
            f"the covariance of {len(rows)} points in {rows.shape[1]} features is singular, so they have no density; "
            "give more points, or fewer features"
        )
    return LowerCholeskyAffine(mean, spread[:, None] * factor)


def _examples(rows: Float[Tensor, "L D"]) -> Examples:
    return Examples(rows, rows.new_zeros(len(rows)))


def _checked(rows: Tensor) -> Float[Tensor, "L D"]:
    if rows.ndim != 2 or not rows.shape[1] or rows.is_complex():
        raise ValueError(f"a density is learned from features L D, but these have the shape {tuple(rows.shape)}")
    if len(rows) < 2:
        raise ValueError(f"a density is learned from at least two points, but there are {len(rows)}; label more")
    if not bool(rows.isfinite().all()):
        raise ValueError("features of points whose density is learned must be finite, but they are not")
    return rows.detach().double()
