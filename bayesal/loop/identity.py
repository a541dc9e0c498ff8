"""What makes a study the same study: its seed, its method and its pool. A resumed study must match, in each of them."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bayesal.data.pool import Pool
from bayesal.loop.encoding import encode_label
from bayesal.loop.files import read_json

SCHEMA = 1
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_REMEDY = {
    "seed": "open it with that seed, or in another folder",
    "method": "open it with that method, or in another folder",
    "points": "open it with the pool it was opened with first, or in another folder",
    "ids_sha256": "open it with the pool it was opened with first, or in another folder",
    "given_labels_sha256": "give the pool its first labels and tell the study the new ones, or open another folder",
}
_NAMES = {
    "points": "number of points",
    "ids_sha256": "hash of the pool's ids",
    "given_labels_sha256": "hash of the labels given with the pool",
}


def identity_of(pool: Pool, method: Any, seed: int) -> dict[str, Any]:
    """The seed, the method's recipe, and hashes of the pool's ids and of the labels given with it, both in order."""
    return {
        "seed": seed,
        "method": recipe_of(method),
        "points": len(pool),
        "ids_sha256": _hash(pool.ids.tolist()),
        "given_labels_sha256": _hash([[key, encode_label(key, label)] for key, label in pool.labels.items()]),
    }


def recipe_of(method: Any) -> str:
    """The method's repr without memory addresses, which change from process to process."""
    return _ADDRESS.sub("", repr(method))


def check_same(stored: Mapping[str, Any], seen: Mapping[str, Any], where: Path) -> None:
    """Raises ValueError that names the first thing that differs."""
    for part, remedy in _REMEDY.items():
        if stored.get(part) != seen[part]:
            raise ValueError(
                f"the study in {where} was opened with the {_NAMES.get(part, part)} {stored.get(part)}, "
                f"but now it is {seen[part]}; {remedy}"
            )


def read_state(path: Path) -> dict[str, Any] | None:
    """What state.json says, None if there is none. Raises ValueError for another schema or an unreadable file."""
    state = read_json(path)
    if state is not None and state.get("schema") != SCHEMA:
        raise ValueError(
            f"{path} has schema {state.get('schema')}, this bayesal reads {SCHEMA}; it was not touched: "
            "open it with the bayesal that wrote it"
        )
    return state


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
