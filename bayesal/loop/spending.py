"""What answers cost: how much of a budget is spent, and how many of the points chosen next it still pays for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bayesal.loop.standing import Standing
from bayesal.types import Id

ROUNDING = 1e-9
"""Of the budget: sums of prices such as 0.1 are not exact."""


@dataclass(frozen=True)
class Spending:
    """``costs``: the price of one answer about each point, 1 where None. Labels are paid for; with ``every_answer`` all
    that was answered is, the skips and what each of several annotators said. ``times``: the most answers the next point
    may take. Every cost must be there and above 0."""

    budget: float | int
    costs: Mapping[Any, float | int] | None = None
    every_answer: bool = False
    times: int = 1

    @property
    def unit(self) -> str:
        return "" if self.costs is not None else " answers" if self.every_answer else " labels"

    def spent(self, standing: Standing) -> float | int:
        """So far."""
        paid = standing.answers if self.every_answer else dict.fromkeys(standing.labels, 1)
        if self.costs is None:
            return sum(paid.values())
        return math.fsum(self.costs[key] * number for key, number in paid.items())

    def left(self, standing: Standing) -> float | int:
        return self.budget - self.spent(standing)

    def affordable(self, ids: Sequence[Id], standing: Standing) -> int:
        """How many of the first of these points the budget pays for, however many answers they take."""
        total, most = self.spent(standing), self.budget + ROUNDING * abs(self.budget)
        for number, key in enumerate(ids):
            total += self.times * (1 if self.costs is None else self.costs[key])
            if total > most:
                return number
        return len(ids)

    def batch(self, wanted: int, standing: Standing) -> int:
        """How many points to choose: as many as wanted or, where each costs the same, as are paid for."""
        return wanted if self.costs is not None else min(wanted, int(self.left(standing)) // self.times)

    def too_dear(self, standing: Standing) -> str:
        """Why nothing more is bought although something is left."""
        left = f"{self.left(standing):g} of the budget of {self.budget:g}{self.unit} are left"
        return f"{left}, and " + (
            "the next point costs more" if self.times == 1 else f"the next point may take {self.times} answers"
        )

    def nothing_to_buy(self, standing: Standing) -> str:
        """Why nothing more is bought although all is paid for."""
        return f"no point is left to ask: {self.spent(standing):g} of {self.budget:g}{self.unit} were bought"
