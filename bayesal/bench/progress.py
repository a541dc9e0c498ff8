"""What a person sees while studies run: a bar a method on a terminal, a line a study elsewhere."""

import time
from collections.abc import Sequence
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


class Measured(NamedTuple):
    """One round of one study is done: what its model reached with its labels."""

    method: str
    seed: int
    round: int
    labels: float | int
    metric: str
    value: float
    unit: str = "labels"


def watcher(console: Console, methods: Sequence[str], *, seeds: int, rounds: int) -> "Bars | Lines":
    """Bars if the console is a terminal, else lines. ``rounds`` of one study, the one before any batch included."""
    kind = Bars if console.is_terminal else Lines
    return kind(console, methods, seeds=seeds, rounds=rounds)


class Bars:
    """A row a method: how far its studies are, what they reached so far, and when they will be done."""

    def __init__(self, console: Console, methods: Sequence[str], *, seeds: int, rounds: int) -> None:
        width = max(map(len, methods))
        self.progress = Progress(
            TextColumn("{task.description:<" + str(width) + "}"),
            BarColumn(),
            TextColumn("{task.fields[reached]:<34}"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
        )
        self.rows = {name: self.progress.add_task(name, total=seeds * rounds, reached="starting") for name in methods}
        self.latest: dict[str, dict[int, Measured]] = {name: {} for name in methods}

    def __enter__(self) -> "Bars":
        self.progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.progress.stop()

    def __call__(self, news: Measured, /) -> None:
        studies = self.latest[news.method]
        studies[news.seed] = news
        done = sum(study.round + 1 for study in studies.values())
        self.progress.update(self.rows[news.method], completed=done, reached=_reached(list(studies.values())))


class Lines:
    """A line when a study is done, and a sign of life every half minute."""

    EVERY = 30.0  # seconds

    def __init__(self, console: Console, methods: Sequence[str], *, seeds: int, rounds: int) -> None:
        self.console = console
        self.rounds = rounds
        self.total = len(methods) * seeds * rounds
        self.seen: set[tuple[str, int, int]] = set()
        self.started = self.spoke = time.monotonic()

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __call__(self, news: Measured, /) -> None:
        now = time.monotonic()
        self.seen.add((news.method, news.seed, news.round))
        if news.round + 1 == self.rounds:
            self._say(f"{news.method}, seed {news.seed}: {_reached([news])}", now)
        elif now - self.spoke > self.EVERY:
            left = (now - self.started) * (self.total / len(self.seen) - 1)
            self._say(f"{len(self.seen)} of {self.total} rounds done, about {left:.0f} s left", now)

    def _say(self, line: str, now: float) -> None:
        self.console.print(line, highlight=False)
        self.spoke = now


def _reached(studies: Sequence[Measured]) -> str:
    """The mean over studies, e.g. ``58 labels, accuracy 87.1 %``."""
    labels = sum(study.labels for study in studies) / len(studies)
    value = sum(study.value for study in studies) / len(studies)
    metric = studies[0].metric
    return f"{labels:.0f} {studies[0].unit}, {metric} " + (
        f"{100 * value:.1f} %" if metric == "accuracy" else f"{value:.4g}"
    )
