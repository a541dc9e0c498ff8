"""Points without a model: those of a pool that something is fitted to, as finite numbers."""

import torch
from torch import Tensor

from bayesal.data.pool import Pool
from bayesal.networks import Standardise
from bayesal.types import Inputs

SAMPLE = 10_000  # points, evenly spaced: more would move what is read off them by a few per cent at most
NUMBERS = 2**26  # in those points together: half a gigabyte


def sample_of(pool: Pool) -> Tensor:
    """At most 10,000 points of the whole pool, labelled or not, at equal distances in storage order.

    Fewer where points are so large that those would fill half a gigabyte. Raises ValueError as ``finite`` does.
    """
    size = max(1, finite(pool.gather(pool.ids[:1])).shape[1:].numel())
    most = max(2, min(SAMPLE, NUMBERS // size))
    return finite(pool.gather(pool.ids[:: max(1, -(-len(pool) // most))]))


def scale_of(pool: Pool) -> Standardise:
    """The scale of ``sample_of`` the pool, in float64: of each column of a table, each channel of images."""
    return scale_for(sample_of(pool))


def scale_for(points: Tensor) -> Standardise:
    """The scale of these points; of none, whatever there is stays as it is."""
    return Standardise.of(points if len(points) else points.new_zeros(1, *points.shape[1:]), torch.float64)


def finite(inputs: Inputs) -> Tensor:
    """Points ``N ...`` of at least two axes and real numbers, else ValueError."""
    if not isinstance(inputs, Tensor):
        raise ValueError(
            f"features without a model need points that are one tensor, but these are a {type(inputs).__name__}; use a "
            "belief that shows features of them (Features)"
        )
    points = inputs if inputs.ndim > 1 else inputs[:, None]
    points = points if points.is_floating_point() else points.to(torch.float32)
    broken = int((~points.flatten(1).isfinite().all(dim=1)).sum())
    if broken:
        raise ValueError(f"{broken} of {len(points)} points hold NaN or infinite inputs; clean or drop them first")
    return points
