"""The study: learn, ask, be told, again; whatever kills it, the next process continues exactly."""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from bayesal import __version__
from bayesal.data.pool import Pool
from bayesal.loop.annotators import Agreed
from bayesal.loop.answers import Oracle, align, check_complete
from bayesal.loop.beliefs import Beliefs
from bayesal.loop.encoding import plain_id
from bayesal.loop.files import write_json
from bayesal.loop.identity import SCHEMA, check_same, identity_of, read_state
from bayesal.loop.learn import Evaluate, Learner
from bayesal.loop.ledger import Ledger
from bayesal.loop.lock import only_runner
from bayesal.loop.rounds import Round
from bayesal.loop.select import free_part, select
from bayesal.loop.spending import Spending
from bayesal.loop.stop import StopRule
from bayesal.loop.streams import stream
from bayesal.selection import random
from bayesal.strategies import Blind, Strategy, check_costs
from bayesal.types import Id, Label


class Study:
    """A method asking for labels of one pool, in one folder: ``ledger.sqlite``, ``model.safetensors``, ``state.json``.

    All that happened is in the ledger, and all randomness is a matter of (seed, round, purpose): a study that is killed
    and opened again asks the same ids in the same order as one that was not, if its learner and method draw only from
    the generators they are given. People answer through ``ask`` and ``tell``; an oracle that answers at once, through
    ``run``.
    """

    def __init__(
        self,
        path: Path,
        ledger: Ledger,
        *,
        pool: Pool,
        beliefs: Beliefs,
        method: Strategy[Any],
        start: Strategy[Any],
        seed: int,
    ) -> None:
        self.path = path
        self.seed = seed
        self._ledger = ledger
        self._given = pool
        self._beliefs = beliefs
        self._method = method
        self._start = start

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        pool: Pool,
        learner: Learner,
        method: Strategy[Any],
        seed: int = 0,
        start: Strategy[Any] | None = None,
        evaluate: Evaluate | None = None,
    ) -> "Study":
        """The study in this folder: created, or resumed if it is there.

        ``learner(pool, generator)`` trains on ``pool.labelled`` and returns a belief. ``method`` chooses what to ask.
        ``start`` chooses while nothing is labelled (it is given None for a belief; default: uniformly at random).
        ``evaluate(belief, generator)`` returns metrics by name.

        Raises ValueError when the folder holds a study of another seed, method, pool or given labels, or a file that is
        damaged or is not ours; nothing is touched then.
        """
        folder = Path(path)
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"a study lives in a folder, but {folder} is a file; choose another path")
        seed = operator.index(seed)  # NumPy's integers are not JSON's
        state = {"schema": SCHEMA, "bayesal": __version__, **identity_of(pool, method, seed)}
        stored = read_state(folder / "state.json")
        if stored is not None:
            check_same(stored, state, folder)
        folder.mkdir(parents=True, exist_ok=True)
        ledger = Ledger.open(folder / "ledger.sqlite", create=stored is None)
        try:
            check_same(ledger.opened(state), state, folder)
            if stored is None:
                write_json(folder / "state.json", state)
        except BaseException:
            ledger.close()
            raise
        beliefs = Beliefs(learner, evaluate, seed=seed, folder=folder, ledger=ledger)
        start = Blind(random) if start is None else start
        return cls(folder, ledger, pool=pool, beliefs=beliefs, method=method, start=start, seed=seed)

    @property
    def labels(self) -> dict[Id, Label]:
        """The current labels told to this study, in the order in which the points became known."""
        return dict(self._ledger.standing().labels)

    @property
    def pending(self) -> list[Id]:
        """Asked but not answered, in the order they were asked."""
        return list(self._ledger.standing().pending)

    @property
    def skipped(self) -> list[Id]:
        """What nobody could label; not asked again."""
        return list(self._ledger.standing().skipped)

    @property
    def rounds(self) -> list[Round]:
        """What was learned so far, from the first belief to the latest."""
        return self._ledger.rounds()

    @property
    def pool(self) -> Pool:
        """The pool with every label known now."""
        return self._given.with_labels(self.labels)

    @property
    def belief(self) -> Any:
        """What the current labels teach; learned now if this process has not. Raises ValueError if there are none."""
        standing = self._ledger.standing()
        pool = self._given.with_labels(standing.labels)
        if not pool.labels:
            raise ValueError("nothing is labelled yet, so there is nothing to believe; ask and tell first")
        return self._beliefs.of(pool, standing)

    @property
    def notes(self) -> list[str]:
        """What the method had to say about its batches, and why runs ended."""
        events = self._ledger.events()
        said = [(event, note) for event in events if event.kind == "asked" for note in event.body["notes"]]
        ends = [(event, event.body["reason"]) for event in events if event.kind == "stopped"]
        ordered = sorted(said + ends, key=lambda pair: pair[0].seq)
        return [note if event.round is None else f"round {event.round}: {note}" for event, note in ordered]

    def history(self) -> list[dict[str, Any]]:
        """One line a point that was asked, in order: ``round``, ``order`` (0, 1, ...), ``id``, current ``label`` (None
        if it has none), ``score``, ``gain``. Points labelled unasked have a line too, with None for the rest."""
        return self._ledger.history()

    def ask(self, n: int = 10) -> list[Id]:
        """``n`` ids to label: those asked before and not answered yet first, then newly chosen ones.

        Fewer when the pool runs out. Learns first if something new is known. What is pending or skipped is not chosen
        again. Raises ValueError for n < 0 and for a method that returns what it must not.
        """
        if n < 0:
            raise ValueError(f"the number of ids to ask for must be at least 0, but it is {n}")
        return self._ask(n)

    def _ask(self, n: int, spending: Spending | None = None) -> list[Id]:
        """The same, of what is newly chosen only as many of the first as the budget pays for."""
        while True:
            standing = self._ledger.standing()
            pool = self._given.with_labels(standing.labels)
            free = free_part(pool, standing)
            size = min(n - len(standing.pending), len(free.unlabelled))
            if size <= 0:
                return standing.pending[:n]
            belief = self._beliefs.of(pool, standing) if pool.labels else None
            strategy = self._method if pool.labels else self._start
            generator = stream(self.seed, standing.round, f"select {standing.asks}")
            chosen = select(strategy, belief, free, size, generator=generator)
            ids = [key for key, _, _ in chosen.points]
            paid = len(ids) if spending is None else spending.affordable(ids, standing)
            if paid == 0 or self._ledger.asked(
                chosen.points[:paid],
                round=standing.round,
                known=standing.known,
                seconds=chosen.seconds,
                notes=chosen.notes,
            ):
                return standing.pending + ids[:paid]
            # Someone else has just asked one of these: look again.

    def tell(self, labels: Mapping[Any, Label], by: str = "oracle", *, uuid: str | None = None) -> None:
        """Record labels, all or none; when this returns they are on the disk. Points never asked are welcome.

        ``uuid`` names the call: made again with the same uuid, it is recorded once. Raises KeyError for an id that is
        not in the pool, ValueError for a label that is none, OSError for a full disk; then nothing was recorded.
        """
        self._given.positions([plain_id(key) for key in labels])
        self._ledger.tell(labels, by=by, uuid=uuid)

    def skip(self, ids: Iterable[Any], by: str = "oracle", *, uuid: str | None = None) -> None:
        """Record that these points cannot be labelled: they are not asked again, unless it is retracted."""
        self._ledger.skip(self._known_ids(ids), by=by, uuid=uuid)

    def retract(
        self, ids: Iterable[Any], by: str = "oracle", *, annotator: str | None = None, uuid: str | None = None
    ) -> None:
        """Take back the labels and skips of these points, everybody's or one annotator's; they stay in the ledger.

        Raises ValueError for a point that has nothing to take back.
        """
        self._ledger.retract(self._known_ids(ids), by=by, annotator=annotator, uuid=uuid)

    def run(
        self,
        oracle: Oracle,
        *,
        budget: float | int,
        batch_size: int = 10,
        first: int | None = None,
        costs: Mapping[Any, float | int] | None = None,
        every_answer: bool = False,
        stop: Sequence[StopRule] = (),
        on_round: Callable[[Round], None] | None = None,
    ) -> str:
        """Learn, evaluate, ask ``oracle``, until ``budget`` labels are bought; returns why it ended, in a sentence.

        ``budget`` counts the labels told to this study in all its runs; the last batch is shortened to fit, and the
        last belief is evaluated too. ``oracle(ids)`` returns ``{id: label}`` or one label an id; None skips the point.
        ``first``: the size of the batch that ``start`` chooses while nothing is known; by default ``batch_size``.
        ``costs``: the price of each point's label, by id; the budget is in their units then, and a batch ends before
        the first point it does not pay for. ``every_answer``: skips cost as labels do, and so does what each annotator
        of a :class:`Repeat` said. ``stop``: rules asked after each learned round. ``on_round``: called with each newly
        learned round.

        Raises ValueError for answers that do not fit what was asked, for costs that are missing or not above 0, and
        when another process is running the study.
        """
        if not budget >= 0 or batch_size < 1 or (first is not None and first < 1):
            raise ValueError(
                f"the budget must be at least 0 and batch_size at least 1, but they are {budget} and {batch_size}"
                + ("" if first is None else f"; the first batch, {first}, must be at least 1 too")
            )
        if costs is not None:
            check_costs(costs, self._given.ids.tolist())
        spending = Spending(budget, costs, every_answer, getattr(oracle, "times", 1) if every_answer else 1)
        with only_runner(self.path / "run.lock"):
            while True:
                standing = self._ledger.standing()
                if number := spending.affordable(standing.pending, standing):
                    self._buy(oracle, standing.pending[:number])
                    continue
                pool = self._given.with_labels(standing.labels)
                if pool.labels and not standing.fitted:
                    self._beliefs.of(pool, standing, stop, on_round)
                rounds = self.rounds
                reason = next((why for rule in stop if (why := rule(rounds)) is not None), None)
                begun = pool.labels or standing.skipped
                size = spending.batch(batch_size if first is None or begun else first, standing)
                if reason is None and spending.left(standing) <= 0:
                    reason = f"the budget of {budget:g}{spending.unit} is spent"
                if reason is None and (standing.pending or size == 0):
                    reason = spending.too_dear(standing)
                if reason is None and not self._ask(size, spending):
                    remain = len(free_part(pool, standing).unlabelled)
                    reason = spending.too_dear(standing) if remain else spending.nothing_to_buy(standing)
                if reason is not None:
                    self._ledger.stopped(reason)
                    return reason

    def close(self) -> None:
        """Let go of the files."""
        self._ledger.close()

    def __enter__(self) -> "Study":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _buy(self, oracle: Oracle, ids: list[Id]) -> None:
        answer = oracle(list(ids))
        if isinstance(answer, Agreed):
            check_complete(ids, align(ids, answer.labels))
            self._ledger.agreed(answer.said, answer.labels, by=answer.by)
            return
        answered = align(ids, answer)
        self.tell({key: label for key, label in answered.items() if label is not None})
        self.skip([key for key, label in answered.items() if label is None])
        check_complete(ids, answered)

    def _known_ids(self, ids: Iterable[Any]) -> list[Id]:
        if isinstance(ids, str):
            raise ValueError(f"expected several ids, but got the text {ids!r}; for one point give [{ids!r}]")
        keys = [plain_id(key) for key in ids]
        self._given.positions(keys)
        return keys
