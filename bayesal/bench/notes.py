"""What a reader of a report should know before believing it."""

import numpy as np

from bayesal.bench.curves import bought
from bayesal.bench.frames import distinct, numbers, rows_of
from bayesal.bench.results import COUNTED, Outcome, counted
from bayesal.bench.verdict import Judgement
from bayesal.bench.wording import listed, spell

FEW_SEEDS = 5
MOST_NOTES = 12


def notes(outcome: Outcome, judged: Judgement) -> list[str]:
    """Sentences about everything that weakens the comparison, then what the run itself noted."""
    own = [str(note) for note in outcome.manifest.get("notes", [])]
    more = [f"{len(own) - MOST_NOTES} more notes are in manifest.json."] if len(own) > MOST_NOTES else []
    return [*_design(outcome), *_gaps(outcome, judged), *own[:MOST_NOTES], *more]


def _design(outcome: Outcome) -> list[str]:
    found = []
    if outcome.config.get("smoke"):
        found.append(
            "This is a smoke run: everything was shrunk to seconds, so its numbers show that it works, no more."
        )
    if len(outcome.seeds) < FEW_SEEDS:
        seeds = "1 seed" if len(outcome.seeds) == 1 else f"{len(outcome.seeds)} seeds"
        found.append(f"There are results of {seeds} only; with fewer than {FEW_SEEDS} an interval is wide or missing.")
    counts = counted(outcome.results)
    what = "label counts" if counts == "labels" else COUNTED[counts]
    if validation := outcome.config.get("validation"):
        found.append(f"Training stopped early by {validation} labelled validation points that the {what} leave out.")
    return found


def _gaps(outcome: Outcome, judged: Judgement) -> list[str]:
    found = []
    whole = np.max(bought(outcome.results))
    for method in outcome.methods:
        own, name = rows_of(outcome.results, method), spell(method)
        if unmeasured := int(np.isnan(numbers(own, judged.metric.column)).sum()):
            found.append(f"{unmeasured} of {len(own)} rounds of {name} have no {judged.metric.name} and are left out.")
        if missing := sorted(set(outcome.seeds) - set(distinct(own, "seed"))):
            found.append(f"{name} has no results for {_seeds(missing)}.")
        ends = {seed: np.max(bought(rows_of(own, method, seed))) for seed in distinct(own, "seed")}
        if short := [f"seed {seed} at {end:g}" for seed, end in ends.items() if end < whole]:
            found.append(f"{name} stops before the {whole:g} {judged.unit} others have: {listed(short)}.")
    for one in judged.comparisons:
        if one.left_out:
            pair = f"{spell(one.method)} and {spell(one.baseline)}"
            found.append(f"The differences of {pair} leave out {_seeds(one.left_out)}, which one has not finished.")
    return found


def _seeds(seeds: list[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {listed([str(seed) for seed in seeds])}"
