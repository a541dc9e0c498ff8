"""Stop rules: each looks at the rounds so far and gives its reason to stop in a sentence, or None to go on.

Whatever a rule needs is in the recorded rounds, so a resumed study stops where an uninterrupted one would. Any function
of the rounds is a stop rule.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bayesal.loop.rounds import Round

StopRule: TypeAlias = Callable[[Sequence[Round]], str | None]
"""Asked after every learned round, before anything more is bought."""


@dataclass(frozen=True)
class Budget:
    """Stop when ``labels`` points are labelled, those given with the pool included."""

    labels: int

    def __call__(self, rounds: Sequence[Round], /) -> str | None:
        if not rounds or rounds[-1].labels < self.labels:
            return None
        return f"{rounds[-1].labels} points are labelled, and the budget was {self.labels}"


@dataclass(frozen=True)
class Target:
    """Stop when ``metric`` reaches ``value``: from below, or from above with ``lower_is_better`` (rmse, nll)."""

    metric: str
    value: float
    lower_is_better: bool = False

    def __call__(self, rounds: Sequence[Round], /) -> str | None:
        if not rounds:
            return None
        last = _values(self.metric, rounds[-1:])[0]
        reached = last <= self.value if self.lower_is_better else last >= self.value
        return f"{self.metric} is {last:.4g}, and the target was {self.value:.4g}" if reached else None


@dataclass(frozen=True)
class Plateau:
    """Stop when the last ``patience`` rounds brought ``metric`` no more than ``min_delta`` beyond its best before."""

    metric: str
    patience: int = 5
    min_delta: float = 0.0
    lower_is_better: bool = False

    def __post_init__(self) -> None:
        if self.patience < 1:
            raise ValueError(f"patience counts rounds and must be at least 1, but it is {self.patience}")
        if self.min_delta < 0:
            raise ValueError(f"min_delta must be at least 0, but it is {self.min_delta}")

    def __call__(self, rounds: Sequence[Round], /) -> str | None:
        if len(rounds) <= self.patience:
            return None
        sign = -1.0 if self.lower_is_better else 1.0
        values = [sign * value for value in _values(self.metric, rounds)]
        before, lately = max(values[: -self.patience]), max(values[-self.patience :])
        if lately - before > self.min_delta:
            return None
        return (
            f"{self.metric} has not improved by more than {self.min_delta:g} in {self.patience} rounds: "
            f"its best was {sign * before:.4g}, since then {sign * lately:.4g}"
        )


def _values(metric: str, rounds: Sequence[Round]) -> list[float]:
    for round_ in rounds:
        if metric not in round_.metrics:
            measured = ", ".join(round_.metrics) or "nothing"
            raise ValueError(
                f"a stop rule watches {metric!r}, but evaluate measured {measured} in round {round_.round}"
            )
    return [round_.metrics[metric] for round_ in rounds]
