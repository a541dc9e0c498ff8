"""The tables: mean logarithms of errors, and differences paired by split with 95 % intervals."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from scipy import stats

from bayesal.bench.statistics import interval_of
from benchmarks._bmdal.runs import METRICS, Run
from benchmarks._bmdal.strategies import BAIT, LAST_LAYER_BAIT, MAX_DIAG, METHODS, OWN, RANDOM

Runs = Mapping[str, Mapping[int, Mapping[str, Run]]]
"""By table, split and method."""
CLAIMS = (
    (OWN, BAIT),
    (OWN, LAST_LAYER_BAIT),
    (OWN, RANDOM),
    (BAIT, RANDOM),
    (LAST_LAYER_BAIT, RANDOM),
    (MAX_DIAG, RANDOM),
)
"""What the paper says: the first has the smaller error, but for the last, where it has the larger."""


class Logs:
    """The mean over the steps after the first of the logarithm of each error, ``methods tables splits``."""

    def __init__(self, runs: Runs) -> None:
        self.tables = list(runs)
        own = [set(per_split) for per_split in runs.values()]
        self.splits = sorted(set.intersection(*own))
        some = [runs[table][split] for table in self.tables for split in self.splits]
        self.methods = [method for method in METHODS if all(method in found for found in some)]
        self.seconds = {m: float(np.mean([found[m]["seconds"] for found in some])) for m in self.methods}
        self.notes = {m: sum(len(found[m]["notes"]) for found in some) for m in self.methods}
        self.values = {
            metric: np.array(
                [[[_mean_log(runs[t][s][m][metric]) for s in self.splits] for t in self.tables] for m in self.methods]
            )
            for metric in METRICS
        }

    def of(self, method: str, metric: str = "rmse") -> Float[np.ndarray, "T S"]:
        return self.values[metric][self.methods.index(method)]

    def ordered(self) -> list[str]:
        """The smallest mean log RMSE first."""
        return sorted(self.methods, key=lambda method: self.of(method).mean())


def report(runs: Runs) -> str:
    logs = Logs(runs)
    if not logs.splits or not logs.methods:
        return "no split is there for every table"
    lines = [f"{len(logs.splits)} splits of {len(logs.tables)} tables\n", *_overall(logs), ""]
    if RANDOM in logs.methods:
        lines += ["### Mean log RMSE minus that of random, table by table\n", *_by_table(logs), ""]
    return "\n".join([*lines, *_claims(logs)])


def _overall(logs: Logs) -> list[str]:
    others = [method for method in (RANDOM, OWN) if method in logs.methods]
    columns = [*(f"log {metric.upper()}" for metric in METRICS), *(f"log RMSE − {other}" for other in others)]
    lines = _head(["method", *columns, "published log RMSE", "s a batch"])
    for method in logs.ordered():
        means = [f"{logs.of(method, metric).mean():.3f}" for metric in METRICS]
        against = [_paired(logs.of(method).mean(0), logs.of(other).mean(0)) for other in others]
        published = f"{METHODS[method].published:.3f}"
        lines.append(_row([method, *means, *against, published, f"{logs.seconds[method]:.2f}"]))
    return lines


def _by_table(logs: Logs) -> list[str]:
    lines = _head(["method", *logs.tables])
    level = [f"({logs.of(RANDOM)[t].mean():.3f})" for t in range(len(logs.tables))]
    for method in logs.ordered():
        each = [_paired(logs.of(method)[t], logs.of(RANDOM)[t]) for t in range(len(logs.tables))]
        lines.append(_row([method, *(level if method == RANDOM else each)]))
    return [*lines, "", "In brackets: random's own mean log RMSE."]


def _claims(logs: Logs) -> list[str]:
    """Each claim about two methods: the difference, its interval, and in how many tables it has the sign claimed."""
    lines = []
    for one, other in CLAIMS:
        if one in logs.methods and other in logs.methods:
            difference = logs.of(one) - logs.of(other)
            below = int((difference.mean(1) < 0).sum())
            stated = _stated(difference.mean(0))
            lines.append(f"- {one} minus {other}: {stated}; smaller in {below} of {len(logs.tables)} tables")
    published = [METHODS[method].published for method in logs.methods]
    found = [logs.of(method).mean() for method in logs.methods]
    if len(found) > 2:
        lines.append(
            f"- Kendall's τ between the published order and this one: {stats.kendalltau(published, found)[0]:.2f}"
        )
    noted = [f"{method}: {count}" for method, count in logs.notes.items() if count]
    lines.append(f"- notes of selections and trainings: {'; '.join(noted) or 'none'}")
    return lines


def _mean_log(errors: Sequence[float]) -> float:
    return float(np.log(errors[1:]).mean())


def _paired(one: Float[np.ndarray, "S"], other: Float[np.ndarray, "S"]) -> str:
    return "" if one is other or np.array_equal(one, other) else _stated(one - other)


def _stated(differences: Float[np.ndarray, "S"]) -> str:
    mean, low, *_ = interval_of(differences)
    return f"{mean:+.3f}" + ("" if low is None else f" ± {mean - low:.3f}")


def _head(columns: Sequence[str]) -> list[str]:
    return [_row(columns), _row(["---"] * len(columns))]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
