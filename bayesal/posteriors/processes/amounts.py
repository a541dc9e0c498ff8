"""Labelled points as a Gaussian process of amounts takes them."""

import math
from typing import NamedTuple

from jaxtyping import Float, Shaped
from torch import Tensor, nn

from bayesal.learning.losses import SquaredLoss
from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.processes.rows import Rows


class Amounts(NamedTuple):
    """Rows of numbers, with targets of mean 0 and standard deviation 1: labels are ``shift + unit · target``."""

    rows: Rows
    inputs: Float[Tensor, "L D"]
    targets: Float[Tensor, "L"]
    shift: float
    unit: float


def amounts_of(inputs: Shaped[Tensor, "L ..."], labels: Shaped[Tensor, "L ..."], scale: nn.Module | None) -> Amounts:
    """Points after ``scale``, in double precision, and their labels; the unit of constant labels is 1.

    Raises ValueError for labels that are no finite amounts or spread too far for a standard deviation, for no labels,
    and for points without numbers.
    """
    if len(inputs) == 0 or len(inputs) != len(labels):
        raise ValueError(
            f"each point needs a label, and there must be one at least: got {len(inputs)} points and "
            f"{len(labels)} labels"
        )
    targets = SquaredLoss().prepare(labels, 1)
    units = SquaredLoss().fit(targets)
    if not math.isfinite(units.scale):
        raise ValueError("the labels spread too far to compute with; give them in a larger unit")
    rows = Rows.of(frozen_copy(scale or nn.Identity()), inputs)
    if rows.num_columns == 0:
        raise ValueError(f"a point needs one number at least, but the points have the shape {tuple(inputs.shape[1:])}")
    points, _ = rows(inputs)
    standard = ((targets - units.shift) / units.scale).to(points)
    return Amounts(rows, points, standard, units.shift, units.scale)
