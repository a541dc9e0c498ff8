"""Several annotators, or one that errs: ask until enough agree, keep who said what, abstain where they do not."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bayesal.loop.answers import Oracle, align, check_complete
from bayesal.loop.encoding import encode_label, plain_id
from bayesal.types import Id


@dataclass(frozen=True)
class Agreed:
    """What several annotators made of a batch. ``said``: who answered what, in the order it was said, None for "cannot
    be labelled". ``labels``: what they agreed on, None where they did not. ``by``: whose name that is kept under."""

    said: tuple[tuple[str, Mapping[Id, Any]], ...]
    labels: Mapping[Id, Any]
    by: str


@dataclass(frozen=True)
class Repeat:
    """An oracle of several: asks ``annotators`` in turn, again from the first after the last, about every point until
    ``agree`` of its answers coincide; after ``times`` answers, or once they cannot coincide any more, it abstains.

    ``annotators``: an oracle by the name of who answers; one that errs at random may be asked alone. "Cannot be
    labelled" is an answer like any other. ``Study.run`` records every answer under its annotator's name and what they
    agreed on under ``by``, a batch at once; with ``every_answer`` its budget counts each answer. A point without
    agreement is skipped. Raises ValueError unless 1 <= agree <= times and there is an annotator.
    """

    annotators: Mapping[str, Oracle]
    times: int = 3
    agree: int = 2
    by: str = "majority"

    def __post_init__(self) -> None:
        if not self.annotators:
            raise ValueError("there is no annotator to ask; give at least one as {name: oracle}")
        if not 1 <= self.agree <= self.times:
            raise ValueError(
                f"of {self.times} answers {self.agree} cannot agree; choose agree from 1 to times, 2 of 3 by default"
            )
        if self.by in self.annotators:
            raise ValueError(f"{self.by!r} is the name of what is agreed on and of an annotator; rename one")

    def __call__(self, ids: list[Id]) -> Agreed:
        names = list(self.annotators)
        answers: dict[Id, list[Any]] = {key: [] for key in ids}
        said, open_ = [], list(ids)
        for turn in range(self.times):
            if not open_:
                break
            name = names[turn % len(names)]
            told = align(open_, self.annotators[name](list(open_)))
            check_complete(open_, told)
            for key, answer in told.items():
                answers[key].append(_plain(key, answer))
            said.append((name, {key: answers[key][-1] for key in open_}))
            left = self.times - turn - 1
            open_ = [key for key in open_ if 0 < self.agree - _most(answers[key]) <= left]
        labels = {key: majority(own) if _most(own) >= self.agree else None for key, own in answers.items()}
        return Agreed(tuple(said), labels, self.by)


def majority(answers: Iterable[Any]) -> Any:
    """The answer given most often; None for a tie, and for no answer. None ("cannot be labelled") counts like any."""
    known = list(answers)
    counts = Counter(map(_text, known)).most_common(2)
    if not counts or (len(counts) > 1 and counts[0][1] == counts[1][1]):
        return None
    return next(answer for answer in known if _text(answer) == counts[0][0])


def _most(answers: list[Any]) -> int:
    """How often the most frequent answer was given."""
    return max(Counter(map(_text, answers)).values(), default=0)


def _text(answer: Any) -> str:
    return "" if answer is None else encode_label("a point", answer)


def _plain(key: Id, answer: Any) -> Any:
    """As the ledger keeps it: Python's own numbers, texts and lists."""
    return None if answer is None else json.loads(encode_label(plain_id(key), answer))
