"""A study that is killed again and again ends as one that never was."""

import random
import time
from ast import literal_eval
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from bayesal.loop import Ledger, beliefs, learn
from tests.loop.processes import CONTEXT, WAIT, end, start
from tests.loop.toys import open_toy, oracle, run_logged, truth

KILLS = 50
BUDGET = 100


def _ended(folder: Path) -> tuple[list[dict], list[tuple], dict]:
    """What a study asked (ids, order, scores, labels), learned and knows, without the times."""
    with Ledger.open(folder / "ledger.sqlite", create=False) as ledger:
        rounds = [(r.round, r.labels, r.metrics, r.weights_sha256) for r in ledger.rounds()]
        return ledger.history(), rounds, ledger.standing().labels


def test_killed_at_any_moment_a_study_asks_the_same_ids_in_the_same_order_and_loses_no_label(tmp_path):
    moments = random.Random(0)

    def running(folder: Path) -> BaseProcess:
        ready = CONTEXT.Event()
        process = start(run_logged, str(folder), f"{folder}.log", ready, BUDGET)
        assert ready.wait(WAIT)
        return process

    process = running(tmp_path / "whole")
    started = time.perf_counter()
    assert end(process) == 0
    duration = time.perf_counter() - started
    whole = _ended(tmp_path / "whole")
    assert len(whole[0]) == BUDGET
    assert [round_[0] for round_ in whole[1]] == list(range(1, BUDGET // 5 + 1))

    kills, studies = 0, 0
    while kills < KILLS:
        studies += 1
        folder = tmp_path / f"killed-{studies}"
        while True:
            process = running(folder)
            process.join(moments.uniform(0, duration / 4))
            if process.exitcode is not None:
                assert process.exitcode == 0
                break
            process.kill()  # SIGKILL
            process.join()
            kills += 1
            acknowledged = [literal_eval(line) for line in _whole_lines(Path(f"{folder}.log"))]
            if acknowledged:
                with Ledger.open(folder / "ledger.sqlite", create=False) as ledger:
                    labels = ledger.standing().labels
                assert {key: labels[key] for key in acknowledged} == {key: truth(key) for key in acknowledged}
        assert _ended(folder) == whole
        with open_toy(folder) as study:
            assert study.notes == ["the budget of 100 labels is spent"]
    assert studies >= 2


class Killed(BaseException):
    """Stands for the end of a process at one exact point."""


def _kill_at(monkeypatch: pytest.MonkeyPatch, point: int) -> None:
    """Die at the ``point``-th of all moments just before and just after a step with a lasting effect."""
    left = point

    def moment() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed

    def around(step):
        def killed_around(*arguments, **settings):
            moment()
            result = step(*arguments, **settings)
            moment()
            return result

        return killed_around

    monkeypatch.setattr(Ledger, "_append", around(Ledger._append))
    monkeypatch.setattr(learn, "write_tensors", around(learn.write_tensors))
    monkeypatch.setattr(beliefs, "measure", around(beliefs.measure))


def test_killed_around_each_single_step_a_study_asks_the_same_ids_in_the_same_order(tmp_path):
    def run(folder: Path) -> None:
        with open_toy(folder) as study:
            study.run(oracle, budget=9, batch_size=4)

    run(tmp_path / "whole")
    whole = _ended(tmp_path / "whole")
    survived, point = 0, 0
    while not survived:
        folder = tmp_path / str(point)
        with pytest.MonkeyPatch.context() as monkeypatch:
            _kill_at(monkeypatch, point)
            try:
                run(folder)
                survived = point
            except Killed:
                pass
        run(folder)
        assert _ended(folder) == whole, f"killed at moment {point}"
        point += 1
    assert survived == 2 * (1 + 3 * 3 + 3 * 3 + 1)  # opened; asked, told, skipped; weights, measured, fitted; stopped


def _whole_lines(log: Path) -> list[str]:
    return log.read_text().split("\n")[:-1] if log.exists() else []
