"""The ledger against a plain model of it: whatever is done, in whatever order, both know the same."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bayesal.loop import Ledger

KEYS = [0, 1, 7, "0", "7", "é", ""]
keys = st.sampled_from(KEYS)
people = st.sampled_from(["ann", "bob"])
labels = st.integers(0, 3) | st.sampled_from(["x", [1, 2], 0.5])
SKIP = object()


class LedgerAgainstModel(RuleBasedStateMachine):
    """The model: for each point, who answered what since when; and which points were asked."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = Ledger.open(Path(self.folder.name) / "ledger.sqlite")
        self.answers: dict[Any, list[tuple[str, Any]]] = {key: [] for key in KEYS}
        self.first: dict[Any, list[int]] = {key: [] for key in KEYS}
        self.asked: list[Any] = []
        self.time = 0
        self.events = 0

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.close()
            self.folder.cleanup()

    def _labelled(self, key: Any) -> bool:
        return any(label is not SKIP for _, label in self.answers[key])

    def _answer(self, key: Any, by: str, label: Any) -> None:
        self.time += 1
        self.answers[key].append((by, label))
        self.first[key].append(self.time)
        if key in self.asked:
            self.asked.remove(key)

    @rule(batch=st.lists(keys, min_size=1, max_size=3, unique=True))
    def ask(self, batch: list[Any]) -> None:
        standing = self.ledger.standing()
        free = all(not self.answers[key] and key not in self.asked for key in batch)
        assert self.ledger.asked([(k, 0.0, 0.0) for k in batch], round=standing.round, known=standing.known) == free
        if free:
            self.asked += batch
            self.events += 1

    @rule(told=st.dictionaries(keys, labels, min_size=1, max_size=3), by=people)
    def tell(self, told: dict[Any, Any], by: str) -> None:
        assert self.ledger.tell(told, by=by)
        self.events += 1
        for key, label in told.items():
            self._answer(key, by, label)

    @rule(batch=st.lists(keys, min_size=1, max_size=2, unique=True), by=people)
    def skip(self, batch: list[Any], by: str) -> None:
        assert self.ledger.skip(batch, by=by)
        self.events += 1
        for key in batch:
            self._answer(key, by, SKIP)

    @rule(batch=st.lists(keys, min_size=1, max_size=2, unique=True), annotator=st.none() | people)
    def retract(self, batch: list[Any], annotator: str | None) -> None:
        def goes(who: str) -> bool:
            return annotator in (None, who)

        possible = all(any(goes(who) for who, _ in self.answers[key]) for key in batch)
        try:
            done = self.ledger.retract(batch, by="carl", annotator=annotator)
        except ValueError:
            done = False
        assert done == possible
        if possible:
            self.events += 1
            for key in batch:
                stay = [i for i, (who, _) in enumerate(self.answers[key]) if not goes(who)]
                self.answers[key] = [self.answers[key][i] for i in stay]
                self.first[key] = [self.first[key][i] for i in stay]

    @precondition(lambda self: self.events % 3 == 0)
    @rule()
    def reopen(self) -> None:
        path = self.ledger.path
        self.ledger.close()
        self.ledger = Ledger.open(path, create=False)

    @invariant()
    def both_know_the_same(self) -> None:
        if not hasattr(self, "ledger"):
            return
        known = [key for key in KEYS if self._labelled(key)]

        def since(key: Any) -> int:
            return next(
                t for t, (_, label) in zip(self.first[key], self.answers[key], strict=True) if label is not SKIP
            )

        def newest(key: Any) -> Any:
            return next(label for _, label in reversed(self.answers[key]) if label is not SKIP)

        standing = self.ledger.standing()
        assert list(standing.labels.items()) == [(key, newest(key)) for key in sorted(known, key=since)]
        skipped = [key for key in KEYS if self.answers[key] and not self._labelled(key)]
        assert standing.skipped == sorted(skipped, key=lambda key: self.first[key][0])
        assert standing.pending == [key for key in self.asked if not self.answers[key]]
        assert len(self.ledger.events()) == self.events


LedgerAgainstModel.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestLedgerAgainstModel = LedgerAgainstModel.TestCase
