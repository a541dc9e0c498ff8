"""Methods that compare what a network says now with what it said earlier."""

from typing import Any

from bayesal.strategies import Drift, Strategy
from bayesal.views import Discrepancy


def tod(first_cycle: str = "random", kind: str = "half_square") -> Strategy[Any]:
    """The prediction moved most since the last cycle: ½‖p_c - p_(c-1)‖².

    ``first_cycle``: while nothing is known but the first labels, "random" points, or "lowest_vs_init", those that moved
    least since before the training, as in the authors' program. ``kind``: "half_square", "norm" or "logits"
    ‖z_c - z_(c-1)‖. Of maps the mean over their places.

    Tasks: any. Needs: Network at two moments (tod). Paper: Huang et al. 2021.
    """
    return Drift(Discrepancy(kind), first_cycle)
