"""What an experiment found, and its place on the disk: the files of a run folder that a report is made from."""

import hashlib
import io
import json
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from bayesal.bench.config import ANSWERS, LABELS, SPENT
from bayesal.bench.frames import distinct, records, values
from bayesal.bench.pictures import pack, unpack
from bayesal.loop.files import read_json, write_atomically

SCHEMA = 1
TABLES = ("config.yaml", "results.parquet", "labels.csv")
IMAGES = "images.npz"
MEASURED = ("method", "seed", "round", "labels")
COUNTED = {SPENT: "units spent", ANSWERS: "answers", LABELS: "labels"}
"""Columns of the results, and how they are called: what the budget counts is the first of them that is there. Answers
are counted where more is bought than labels, those that are no label included; units are spent where labels cost."""
NO_LABEL = -1
"""In the table of what was asked: a point that nobody could label, or that annotators did not agree on."""
ASKED = ("method", "seed", "round", "order", "id", "label", "score", "gain")
COSTS = ("seconds_learn", "seconds_select", "seconds_evaluate", "peak_memory_mib")
_KINDS = {"int": np.int64, "float": np.float64, "str": str}


@dataclass(frozen=True, eq=False)
class Outcome:
    """Everything a report says, as tables.

    ``results``: one line a method, seed and round: ``labels`` is the size of the labelled set the metrics beside it
    (``accuracy`` or ``rmse``, ``nll``) were measured with; then the columns of ``COSTS``. Where more is bought than
    labels, or labels have prices, ``answers`` and ``cost`` say what was bought until then. Empty metrics are rounds
    that were not measured. ``labels``: one line a point that was asked, in the columns of ``ASKED``. ``images``: what
    the asked points look like (H W, C H W or H W C), by id. ``manifest``: ``data`` (``name``, ``source``, ``task``,
    ``sizes``, ``classes`` and, where known, ``class_counts`` of the pool), ``versions``, ``machine``, ``started``,
    ``finished``, ``command``, ``notes``; what is not there is not reported.

    Raises ValueError for missing columns, for a round told twice and for empty results.
    """

    config: Mapping[str, Any]
    results: pd.DataFrame
    labels: pd.DataFrame
    manifest: Mapping[str, Any]
    images: Mapping[Any, np.ndarray] | None = None
    class_names: Sequence[str] | None = None

    def __post_init__(self) -> None:
        for what, table, columns in (("results", self.results, MEASURED), ("labels", self.labels, ASKED)):
            if missing := [name for name in columns if name not in table.columns]:
                raise ValueError(
                    f"the {what} need the columns {', '.join(columns)}, but {', '.join(missing)} is missing"
                )
        if self.results.empty:
            raise ValueError("the results are empty: no round was measured, so there is nothing to report; run first")
        rounds = Counter((row["method"], row["seed"], row["round"]) for row in records(self.results))
        (method, seed, round_), times = rounds.most_common(1)[0]
        if times > 1:
            raise ValueError(f"round {round_} of {method} with seed {seed} is in the results twice; keep one")

    @property
    def methods(self) -> list[str]:
        """The methods in the order they were run."""
        return [str(name) for name in distinct(self.results, "method")]

    @property
    def seeds(self) -> list[int]:
        return sorted(int(seed) for seed in distinct(self.results, "seed"))

    @property
    def baseline(self) -> str | None:
        """The method the others are compared with: the configuration's ``baseline``, else ``random``, if it was run."""
        name = self.config.get("baseline", "random")
        return name if name in self.methods else None


def counted(results: pd.DataFrame) -> str:
    """The column of what the budget counts."""
    return next(name for name in COUNTED if name in results)


def against(outcome: Outcome, baseline: str) -> Outcome:
    """The same, compared with another of its methods. Raises ValueError for a method that was not run."""
    if baseline not in outcome.methods:
        raise ValueError(f"the run has no method {baseline!r} to compare with; it has {', '.join(outcome.methods)}")
    return replace(outcome, config={**outcome.config, "baseline": baseline})


def save(outcome: Outcome, folder: str | Path) -> None:
    """Write the run's files, each whole or not at all; the manifest, with the SHA-256 of the others, comes last."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    kinds = {name: _kind(values(outcome.labels, name)) for name in ("id", "label")}
    files = {
        "config.yaml": yaml.safe_dump(dict(outcome.config), sort_keys=False, allow_unicode=True).encode(),
        "results.parquet": outcome.results.to_parquet(index=False),
        "labels.csv": outcome.labels.to_csv(index=False, lineterminator="\n").encode(),
    }
    if outcome.images:
        files[IMAGES] = pack(outcome.images, distinct(outcome.labels, "id"))
    for name, content in files.items():
        write_atomically(folder / name, content)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    facts = {"schema": SCHEMA, **outcome.manifest, "kinds": kinds, "sha256": hashes}
    if outcome.class_names is not None:
        facts["data"] = {**facts.get("data", {}), "classes": list(outcome.class_names)}
    write_atomically(folder / "manifest.json", (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode())


def load(folder: str | Path) -> Outcome:
    """The outcome in a run folder. Raises ValueError if a file is missing or is not the one that was written."""
    folder = Path(folder)
    manifest = read_json(folder / "manifest.json")
    if manifest is None:
        raise ValueError(f"{folder} is not a finished run: there is no manifest.json")
    if manifest.get("schema") != SCHEMA:
        raise ValueError(f"{folder} has schema {manifest.get('schema')}, this bayesal reads {SCHEMA}; run it again")
    hashes = manifest.get("sha256", {})
    if missing := [name for name in TABLES if name not in hashes]:
        raise ValueError(f"{folder / 'manifest.json'} does not tell the hash of {', '.join(missing)}; run it again")
    content = {name: _read(folder, name) for name in (*TABLES, *(name for name in [IMAGES] if name in hashes))}
    for name, own in content.items():
        if hashlib.sha256(own).hexdigest() != hashes[name]:
            raise ValueError(
                f"{folder / name} is not the file the run wrote: its SHA-256 differs; restore it or run it again"
            )
    types: dict[Hashable, Any] = {name: _KINDS[kind] for name, kind in manifest.get("kinds", {}).items()}
    types |= {"method": str, "score": np.float64, "gain": np.float64}
    names = manifest.get("data", {}).get("classes")
    return Outcome(
        config=yaml.safe_load(content["config.yaml"]),
        results=pd.read_parquet(io.BytesIO(content["results.parquet"])),
        labels=pd.read_csv(
            io.BytesIO(content["labels.csv"]),
            dtype=types,
            keep_default_na=False,  # an id may be the text "NA"
            na_values={"score": [""], "gain": [""]},
        ),
        manifest=manifest,
        images=unpack(content[IMAGES], int if types.get("id") is np.int64 else str) if IMAGES in content else None,
        class_names=[str(name) for name in names] if isinstance(names, list) else None,
    )


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise ValueError(f"{folder} is not a finished run: cannot read {name} ({error.strerror})") from error


def _kind(column: pd.Series) -> str:
    """What CSV forgets: whether the column held whole numbers, numbers or text (anything else is told as text)."""
    kind = pd.api.types.infer_dtype(column, skipna=False)
    return {"integer": "int", "floating": "float", "mixed-integer-float": "float"}.get(kind, "str")
