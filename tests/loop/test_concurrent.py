"""Several processes write one ledger: nothing is lost, nothing is recorded twice, nobody fails."""

from uuid import uuid4

import pytest

from bayesal.loop import Ledger
from tests.loop.processes import CONTEXT, end, start, tell_many, tell_same

WRITERS = 4


@pytest.mark.parametrize("exists", [True, False])
def test_writers_in_several_processes_all_record_everything(tmp_path, exists):
    path = tmp_path / "ledger.sqlite"
    if exists:
        Ledger.open(path).close()
    barrier = CONTEXT.Barrier(WRITERS)
    names = [f"writer {i}" for i in range(WRITERS)]
    assert [end(process) for process in [start(tell_many, path, name, barrier, 25) for name in names]] == [0] * WRITERS
    with Ledger.open(path, create=False) as ledger:
        labels = ledger.standing().labels
        last = ledger.events()[-1]
        told = [event for event in ledger.events() if event.kind == "told"]
    assert {key: label for key, label in labels.items() if key != "shared"} == {
        f"{name} {i}": i for name in names for i in range(25)
    }
    assert labels["shared"] == last.by
    assert len(told) == 25 * WRITERS


def test_the_same_event_from_several_processes_is_recorded_once(tmp_path):
    path = tmp_path / "ledger.sqlite"
    barrier = CONTEXT.Barrier(WRITERS)
    uuids = [str(uuid4()) for _ in range(20)]
    assert [end(p) for p in [start(tell_same, path, uuids, barrier) for _ in range(WRITERS)]] == [0] * WRITERS
    with Ledger.open(path, create=False) as ledger:
        assert sorted(event.uuid for event in ledger.events()) == sorted(uuids)
        assert ledger.standing().labels == {i: i for i in range(20)}
