"""Which rows are closer than a radius: screened in float32, decided in float64."""

from jaxtyping import Bool
from torch import Tensor

from bayesal.numerics.distance.measured import Measured, Where


def within(rows: Measured, where: Where, others: Measured, squared: float) -> Bool[Tensor, "n P"]:
    """Whether d²(x, s) < ``squared``, for some rows and all others."""
    screened, own = rows.screened(where, others), rows.own[where, None]
    bound = squared / rows.scale**2
    lower = screened + (1 - rows.rounding) * own
    inside = ~(lower >= bound)  # what overflowed is decided
    doubtful = inside & ~(lower + 2 * rows.rounding * (others.own + own) < bound)
    some, which = doubtful.nonzero(as_tuple=True)
    if len(some):
        positions = some + (where.start or 0) if isinstance(where, slice) else where[some]
        inside[some, which] = rows.decided(positions, others, which, screened[some, which]) < squared
    return inside
