"""The kernel of an ensemble: the sum of its members' kernels."""

from collections.abc import Sequence
from dataclasses import replace

from bayesal.numerics.inner import Inner
from bayesal.representations.beside import side_by_side
from bayesal.representations.combined import Sum
from bayesal.representations.represented import Represented


def ensemble(members: Sequence[Represented]) -> Represented:
    """Σ_m k_m of the members' representations of the same points: features side by side, or the sum of their kernels.

    A sketch of the sum adds sketches of the members, so it costs no more dimensions than one. Labels are the first
    member's. Raises ValueError for no members, and for members of different points. Holzmüller et al. (2023).
    """
    joined, parts = side_by_side(members)
    if all(isinstance(part.kernel, Inner) for part in parts):
        return joined
    return replace(joined, kernel=Sum(parts))
