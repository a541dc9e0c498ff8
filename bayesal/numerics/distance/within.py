"""Which rows are closer than a radius: screened in float32, decided in float64."""

from jaxtyping import Bool
from torch import Tensor

from bayesal.numerics.distance.measured import Measured, Where


def within(rows: Measured, where: Where, others: Measured, squared: float) -> Bool[Tensor, "n P"]:
    """Whether d²(x, s) < ``squared``, for some rows and all others."""
    screened, own = rows.screened(where, others), rows.own[where, None]
    lower = screened + (1 - rows.rounding) * own
    bound = squared / rows.scale**2
    inside = ~(lower >= bound)  # what overflowed is decided
    if not inside.numel():
        return inside
    band = 2 * rows.rounding * float(others.own.max() + own.max())  # how far any distance may lie above its bound
    some, which = (inside & ~(lower < bound - band)).nonzero(as_tuple=True)
    if len(some):
        positions = some + (where.start or 0) if isinstance(where, slice) else where[some]
        inside[some, which] = rows.decided(positions, others, which, screened[some, which]) < squared
    return inside
