"""What was asked: the picks in their order, and how they spread over the classes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayesal.bench.frames import distinct, numbers, ordered, records, rows_of, values
from bayesal.bench.pictures import pictures_of
from bayesal.bench.results import NO_LABEL, Outcome
from bayesal.bench.wording import minus, spell

MOST_PICKS = 200
MOST_CLASSES = 60


@dataclass(frozen=True)
class Pick:
    """One question: its place in the order, the point, the answer, and what explains the choice."""

    number: int
    id: str
    label: str
    score: str
    gain: str
    picture: str | None


@dataclass(frozen=True)
class Asked:
    """One method's questions in one seed, batch by batch; ``total`` counts those beyond the first shown ones too."""

    method: str
    seed: int
    batches: list[tuple[int, list[Pick]]]
    total: int

    @property
    def shown(self) -> int:
        return sum(len(picks) for _, picks in self.batches)


@dataclass(frozen=True)
class ClassCounts:
    """Labels asked of each class: one row a class, with its share of the pool and its mean count per method."""

    methods: list[str]
    rows: list[tuple[str, float | None, list[float]]]
    """Name, share of the pool (None if not known), and per method the mean number asked over seeds."""
    per_batch: list[float]
    """Per method, how many different classes a batch held in the mean."""
    hidden: int

    @property
    def largest(self) -> float:
        return max((count for _, _, counts in self.rows for count in counts), default=0.0) or 1.0


def asked(outcome: Outcome, method: str, seed: int) -> Asked:
    """The first ``MOST_PICKS`` questions of this method and seed, in order."""
    rows = ordered(rows_of(outcome.labels, method, seed), "round", "order")
    first = rows.head(MOST_PICKS)
    pictures = pictures_of(outcome.images or {}, distinct(first, "id"))
    batches: dict[int, list[Pick]] = {}
    for number, row in enumerate(records(first), start=1):
        pick = Pick(
            number=number,
            id=str(row["id"]),
            label=name_of(row["label"], outcome.class_names),
            score=_number(row["score"]),
            gain=_number(row["gain"]),
            picture=pictures.get(row["id"]),
        )
        batches.setdefault(int(row["round"]), []).append(pick)
    return Asked(spell(method), seed, list(batches.items()), total=len(rows))


def class_counts(outcome: Outcome) -> ClassCounts | None:
    """How often each class was asked, in the mean over seeds. None where labels are not classes."""
    if outcome.manifest.get("data", {}).get("task") == "regression" or outcome.labels["label"].dtype.kind == "f":
        return None
    named = outcome.labels.assign(
        label=[name_of(label, outcome.class_names) for label in values(outcome.labels, "label")]
    )
    classes = list(dict.fromkeys([*map(str, outcome.class_names or []), *sorted(distinct(named, "label"))]))
    methods = [method for method in outcome.methods if method in distinct(named, "method")]
    shares = _shares(outcome, classes)
    asked_of = {method: _mean_counts(rows_of(named, method)) for method in methods}
    rows = [(name, shares.get(name), [asked_of[method].get(name, 0.0) for method in methods]) for name in classes]
    return ClassCounts(
        methods=[spell(method) for method in methods],
        rows=rows[:MOST_CLASSES],
        per_batch=[_per_batch(rows_of(named, method)) for method in methods],
        hidden=max(0, len(rows) - MOST_CLASSES),
    )


def value_ranges(outcome: Outcome) -> list[tuple[str, list[str]]]:
    """For numbers: lowest, quartiles and highest of the answers each method got, over all seeds."""
    quantiles = (0.0, 0.25, 0.5, 0.75, 1.0)
    answers = {method: numbers(rows_of(outcome.labels, method), "label") for method in outcome.methods}
    return [
        (spell(method), [minus(f"{value:.4g}") for value in np.quantile(own, quantiles)])
        for method, own in answers.items()
        if len(own)
    ]


def explained(outcome: Outcome, seed: int) -> list[str]:
    """The methods whose picks have scores in this seed (picks at random have none)."""
    scores = {method: numbers(rows_of(outcome.labels, method, seed), "score") for method in outcome.methods}
    return [method for method, own in scores.items() if np.isfinite(own).any()]


def name_of(label: Any, class_names: Sequence[str] | None) -> str:
    """The class's name where the label is the number of one, and "no label" where there is none; a number to four
    digits; else the label as text."""
    if isinstance(label, float):
        return minus(f"{label:.4g}")
    if class_names and isinstance(label, int | np.integer) and NO_LABEL <= label < len(class_names):
        return "no label" if label == NO_LABEL else class_names[int(label)]
    return str(label)


def _mean_counts(named: pd.DataFrame) -> dict[str, float]:
    seeds = len(distinct(named, "seed"))
    return {name: count / seeds for name, count in Counter(values(named, "label").tolist()).items()}


def _per_batch(named: pd.DataFrame) -> float:
    batches: dict[tuple[int, int], set[str]] = {}
    for row in records(named):
        batches.setdefault((row["seed"], row["round"]), set()).update({row["label"]} - {"no label"})
    return float(np.mean([len(batch) for batch in batches.values()]))


def _shares(outcome: Outcome, classes: Sequence[str]) -> dict[str, float]:
    counts = outcome.manifest.get("data", {}).get("class_counts")
    if not counts or len(counts) > len(classes):
        return {}
    return {name: count / sum(counts) for name, count in zip(classes, counts, strict=False)}


def _number(value: float | None) -> str:
    return "" if value is None or np.isnan(value) else minus(f"{value:#.2g}".rstrip("."))
