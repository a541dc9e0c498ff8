from dataclasses import replace

import numpy as np

from bayesal.loop import Ledger, Round
from bayesal.loop.rounds import peak_memory_mib, record_of


def test_a_round_comes_back_from_the_ledger_with_the_time_spent_selecting(tmp_path):
    learned = Round(1, 12, {"accuracy": 0.1 + 0.2, "nll": float("inf")}, 1.25, 0.5, 300.5, "abc", {"rule": [1, 2]})
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        ledger.asked([("start", 0.0, 0.0)], round=0, known="none", seconds=9.0)
        ledger.fitted(record_of(learned), round=1, known="some")
        assert ledger.rounds() == [learned]
        ledger.asked([("a", 0.0, 0.0)], round=1, known="some", seconds=0.25)
        ledger.asked([("b", 0.0, 0.0)], round=1, known="some", seconds=0.5)
        assert ledger.rounds() == [replace(learned, seconds_select=0.75)]


def test_peak_memory_is_a_high_water_mark_in_mib():
    before = peak_memory_mib()
    assert before is not None
    block = np.ones(64 << 20, dtype=np.uint8)
    during = peak_memory_mib()
    del block
    after = peak_memory_mib()
    assert during is not None
    assert after is not None
    assert before <= during <= after
    assert 20 < before < 100_000
