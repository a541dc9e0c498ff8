"""What a person sees: where the studies are, what they reached, and when they will be done."""

from io import StringIO

import pytest
from rich.console import Console

from bayesal.bench.progress import Lines, Measured, watcher


def shown(terminal: bool, news: list[Measured]) -> str:
    text = StringIO()
    console = Console(file=text, force_terminal=terminal, width=100)
    with watcher(console, ["bald", "random"], seeds=2, rounds=3) as watch:
        for one in news:
            watch(one)
    return text.getvalue()


NEWS = [
    Measured("bald", 0, 1, 30, "accuracy", 0.5),
    Measured("bald", 1, 2, 40, "accuracy", 0.7),
    Measured("random", 0, 2, 40, "rmse", 55.123456),
]


def test_elsewhere_a_line_tells_of_each_finished_study():
    assert shown(False, NEWS).splitlines() == [
        "bald, seed 1: 40 labels, accuracy 70.0 %",
        "random, seed 0: 40 labels, rmse 55.12",
    ]


def test_on_a_terminal_a_row_a_method_tells_the_mean_over_its_studies():
    said = shown(True, NEWS)
    assert "35 labels, accuracy 60.0 %" in said
    assert "40 labels, rmse 55.12" in said


def test_a_long_silence_is_broken_by_a_sign_of_life(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Lines, "EVERY", 0.0)
    assert "1 of 12 rounds done, about" in shown(False, NEWS[:1])
