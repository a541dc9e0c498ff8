"""Beliefs: learned once a process for one set of labels, recorded once a round, whoever asks for them."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bayesal.data.pool import Pool
from bayesal.loop.learn import Evaluate, Learned, Learner, learn, measure
from bayesal.loop.ledger import Ledger
from bayesal.loop.rounds import Round, record_of
from bayesal.loop.standing import Standing
from bayesal.loop.stop import StopRule


class Beliefs:
    """What the labels of a study teach, round by round; the latest belief is kept in memory."""

    def __init__(self, learner: Learner, evaluate: Evaluate | None, *, seed: int, folder: Path, ledger: Ledger) -> None:
        self._learner = learner
        self._evaluate = evaluate
        self._seed = seed
        self._folder = folder
        self._ledger = ledger
        self._latest: Learned | None = None

    def of(
        self,
        pool: Pool,
        standing: Standing,
        stop: Sequence[StopRule] = (),
        on_round: Callable[[Round], None] | None = None,
    ) -> Any:
        """The belief of a pool's labels; measured and recorded, and shown to ``on_round``, if its round is new."""
        learned = self._latest
        if learned is None or (learned.round, learned.known) != (standing.round, standing.known):
            learned = learn(self._learner, pool, standing, seed=self._seed, folder=self._folder)
            self._latest = learned
            if standing.fitted:
                self._compare(learned)
        if not standing.fitted:
            round_ = measure(learned, pool, standing, evaluate=self._evaluate, stop=stop, seed=self._seed)
            self._ledger.fitted(record_of(round_), round=standing.round, known=standing.known)
            if on_round is not None:
                on_round(round_)
        return learned.belief

    def _compare(self, again: Learned) -> None:
        recorded = next(round_ for round_ in self._ledger.rounds() if round_.round == again.round)
        if recorded.weights_sha256 != again.weights_sha256:
            warnings.warn(
                f"round {again.round} was learned again from the same labels and stream but came out different: the "
                "learner is not deterministic here, so what it asks may differ from an uninterrupted study",
                stacklevel=4,
            )
