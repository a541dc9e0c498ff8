"""What is believed of a Gaussian process before any label: for columns of standard deviation 1, standardised labels."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import pyro
import pyro.distributions as dist
import torch
from jaxtyping import Float
from torch import Tensor

MAX_OWN_LENGTHS = 50
"""Tables of more columns have one length-scale for all: so many cannot be told from tens of labels."""
SPREAD_OF_UNIT_CUBE = 12**-0.5
"""The standard deviation of a column that is uniform on [0, 1]."""
LENGTH_SPREAD = math.sqrt(3)
NOISE_LOCATION, NOISE_SPREAD = -4.0, 1.0
SMALLEST_NOISE = 1e-4


@dataclass(frozen=True, eq=False)
class Hyperparameters:
    """Length-scales, the prior variance of the function, the variance of labels around it, and its prior mean."""

    lengths: Float[Tensor, "D"]
    amplitude: Float[Tensor, ""]
    noise: Float[Tensor, ""]
    level: Float[Tensor, ""]


Prior: TypeAlias = Callable[[int], Hyperparameters]
"""A Pyro program: the number of columns to hyper-parameters, by ``pyro.sample``."""


def length_location(num_columns: int) -> float:
    """The mean of ln length: √2 + ½ ln D on the unit cube, where distances grow with √D, in columns of deviation 1.

    From Hvarfner, Hellsten and Nardi (2024), with their standard deviation of √3; as BoTorch has it.
    """
    return math.sqrt(2) + math.log(num_columns) / 2 - math.log(SPREAD_OF_UNIT_CUBE)


def dimension_scaled(num_columns: int) -> Hyperparameters:
    """Log-normal lengths around e^``length_location``, noise around e^-4, amplitude around 1; level N(0, 1).

    Lengths and noise are those of BoTorch's exact process (see ``ExactGP.fit`` for labels that are mostly noise); the
    amplitude, which that fixes at 1, has LogNormal(0, 0.5).
    """
    own = num_columns if num_columns <= MAX_OWN_LENGTHS else 1
    location = torch.full((own,), length_location(num_columns))
    lengths = pyro.sample("lengths", dist.LogNormal(location, LENGTH_SPREAD).to_event(1))
    return Hyperparameters(lengths.expand(num_columns), *_others())


def saas(num_columns: int) -> Hyperparameters:
    """Few columns matter: 1 / length_d² = τ u_d on the unit cube, τ ~ HalfCauchy(0.1), u_d ~ HalfCauchy(1).

    Eriksson and Jankowiak (2021), for tens to hundreds of columns.
    """
    shared = pyro.sample("shared", dist.HalfCauchy(torch.tensor(0.1)))
    own = pyro.sample("own", dist.HalfCauchy(torch.ones(num_columns)).to_event(1))
    return Hyperparameters((shared * own).rsqrt() / SPREAD_OF_UNIT_CUBE, *_others())


def _others() -> tuple[Tensor, Tensor, Tensor]:
    amplitude = pyro.sample("amplitude", dist.LogNormal(torch.tensor(0.0), 0.5))
    noise = pyro.sample("noise", dist.LogNormal(torch.tensor(NOISE_LOCATION), NOISE_SPREAD))
    level = pyro.sample("level", dist.Normal(torch.tensor(0.0), 1.0))
    return amplitude, noise + SMALLEST_NOISE, level
