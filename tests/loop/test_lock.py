import os

import pytest

from bayesal.loop.lock import only_runner
from tests.loop.processes import CONTEXT, WAIT, end, hold_lock, start


def test_a_second_runner_gets_a_sentence_and_a_dead_one_holds_nothing(tmp_path):
    path = tmp_path / "run.lock"
    held = CONTEXT.Event()
    process = start(hold_lock, path, held)
    assert held.wait(WAIT)
    with (
        pytest.raises(ValueError, match=f"is being run by another process .pid {process.pid}.; wait for it or stop it"),
        only_runner(path),
    ):
        pass
    process.kill()
    assert end(process) == -9
    with only_runner(path):
        assert path.read_text() == str(os.getpid())
    with only_runner(path):
        pass
