"""The report of a run: one HTML file that opens offline, and the learning curves as a picture."""

import hashlib
import json
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from bayesal.bench.asked import MOST_PICKS, asked, class_counts, explained, value_ranges
from bayesal.bench.notes import notes
from bayesal.bench.pictures import data_uri
from bayesal.bench.plots import axis_of, curve_plot, difference_plot, pick_plot, summary_plot
from bayesal.bench.results import IMAGES, TABLES, Outcome
from bayesal.bench.statistics import Comparison
from bayesal.bench.tables import costs, labels_needed, means
from bayesal.bench.theme import DARK, LIGHT, Theme, png, svg
from bayesal.bench.verdict import Judgement, finding, footing, judge, sentence, verdict
from bayesal.bench.wording import begin, listed, spell, tell_difference
from bayesal.loop.files import write_atomically

__all__ = ["render", "verdict", "write_report"]

MANY = 4
SURROUNDINGS = ("started", "finished", "data", "machine", "versions")


def write_report(outcome: Outcome, folder: str | Path) -> None:
    """Write ``report.html`` and ``curve.png`` into the run's folder, each whole or not at all."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "curve.png", png(summary_plot(outcome, judge(outcome), LIGHT)))
    write_atomically(folder / "report.html", render(outcome, folder).encode())


def render(outcome: Outcome, folder: Path) -> str:
    """The report as HTML. All that comes from the data is escaped, and a policy in the page forbids any request."""
    judged = judge(outcome)
    seed = outcome.seeds[0]
    page = Environment(
        loader=PackageLoader("bayesal.bench"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("report.html")
    return page.render(
        title=_title(outcome, judged),
        facts=_facts(outcome),
        verdict=[
            (sentence(judged, method), _mood(judged.comparison(method))) for method in judged.others or judged.methods
        ],
        footing=footing(judged),
        notes=notes(outcome, judged),
        metric=judged.metric,
        judge=spell(judged.judge),
        unit=judged.unit.split()[0].capitalize(),
        compared=bool(judged.comparisons),
        curves=_both(lambda theme: curve_plot(outcome, judged, theme)),
        curves_in_words=_curves_in_words(outcome, judged),
        differences=_both(lambda theme: difference_plot(outcome, judged, theme)) if judged.comparisons else None,
        differences_in_words=_differences_in_words(judged),
        needed=labels_needed(judged),
        means=means(outcome, judged),
        asked=[asked(outcome, method, seed) for method in outcome.methods],
        pictured=bool(outcome.images),
        most_picks=MOST_PICKS,
        classes=class_counts(outcome),
        ranges=value_ranges(outcome) if class_counts(outcome) is None else [],
        picks=_picks(outcome, seed),
        picks_in_words=listed([spell(method) for method in explained(outcome, seed)]),
        costs=costs(outcome),
        seed=seed,
        seeds=listed([str(each) for each in outcome.seeds]),
        recipe=yaml.safe_dump(dict(outcome.config), sort_keys=False, allow_unicode=True),
        repeat=f"bayesal run --config {shlex.quote(str(folder / 'config.yaml'))}",
        command=outcome.manifest.get("command"),
        surroundings=_surroundings(outcome),
        hashes={
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
            for name in (*TABLES, IMAGES)
            if (folder / name).exists()
        },
    )


def _title(outcome: Outcome, judged: Judgement) -> str:
    data = outcome.manifest.get("data", {}).get("name", outcome.config.get("data", "a run"))
    against = f" against {spell(judged.baseline)}" if judged.others and judged.baseline else ""
    methods = [spell(method) for method in judged.others or judged.methods]
    return begin(f"{listed(methods) if len(methods) < MANY else f'{len(methods)} methods'}{against} on {data}")


def _facts(outcome: Outcome) -> list[str]:
    """The line under the title: what was done, in numbers."""
    data, config = outcome.manifest.get("data", {}), outcome.config
    found = [f"{number:,} {part} points" for part, number in data.get("sizes", {}).items() if number]
    found += [f"posterior {config['posterior']}"] if "posterior" in config else []
    found += [f"{config['batch_size']} labels a round"] if "batch_size" in config else []
    found += [f"{len(outcome.seeds)} seed{'s' if len(outcome.seeds) > 1 else ''}"]
    found += [str(outcome.manifest["finished"])[:10]] if outcome.manifest.get("finished") else []
    return found


def _mood(comparison: Comparison | None) -> tuple[str, str]:
    """The word beside a sentence, and its colour."""
    if comparison is None:
        return "no comparison", "open"
    found = finding(comparison).value
    return found, {"better": "good", "worse": "bad"}.get(found, "open")


def _both(draw: Callable[[Theme], Figure]) -> dict[str, str]:
    return {"light": data_uri(svg(draw(LIGHT)), "svg+xml"), "dark": data_uri(svg(draw(DARK)), "svg+xml")}


def _picks(outcome: Outcome, seed: int) -> dict[str, str] | None:
    methods = explained(outcome, seed)
    return _both(lambda theme: pick_plot(outcome, methods, seed, theme)) if methods else None


def _curves_in_words(outcome: Outcome, judged: Judgement) -> str:
    table = next(table for metric, table in means(outcome, judged) if metric == judged.metric)
    ends = listed([f"{name} {cells[1].text}" for name, cells in table.rows])
    return f"Learning curves, {judged.metric.name} against {axis_of(judged)}. At the end: {ends}."


def _differences_in_words(judged: Judgement) -> str:
    told = [f"{spell(one.method)} {tell_difference(*one.interval[:3], one.metric)}" for one in judged.comparisons]
    return f"Differences to {spell(judged.judge)} in {judged.metric.name}. Mean over the budget: {listed(told)}."


def _surroundings(outcome: Outcome) -> list[tuple[str, str]]:
    facts = {name: outcome.manifest[name] for name in SURROUNDINGS if name in outcome.manifest}
    shown_above = {"classes", "class_counts"}
    facts["data"] = {name: value for name, value in facts.get("data", {}).items() if name not in shown_above}
    return [(name, value) for name, value in _flat(facts) if value]


def _flat(facts: Mapping[str, Any], under: str = "") -> list[tuple[str, str]]:
    """Nested facts as lines of a name and a value."""
    lines = []
    for name, value in facts.items():
        path = f"{under} {name}".strip()
        lines += _flat(value, path) if isinstance(value, Mapping) else [(path, _text(value))]
    return lines


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
