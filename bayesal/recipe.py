"""How an experiment prints: every part by its name and settings, never by its address in memory."""

import re
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any


def recipe(value: Any) -> str:
    """``Pick(view=Predictive(score=bald, num_hypotheses=100), rule=top)``: the same text in every process.

    Frozen dataclasses of the library print through this, so that a study can tell whether it is continued with the
    method it was started with.
    """
    if is_dataclass(value) and not isinstance(value, type):
        settings = ", ".join(f"{field.name}={recipe(getattr(value, field.name))}" for field in fields(value))
        return f"{type(value).__name__}({settings})"
    if isinstance(value, partial):
        settings = ", ".join([*map(recipe, value.args), *(f"{key}={recipe(v)}" for key, v in value.keywords.items())])
        return f"{recipe(value.func)}({settings})"
    if isinstance(value, tuple | list):
        opening, closing = ("(", ")") if isinstance(value, tuple) else ("[", "]")
        return opening + ", ".join(map(recipe, value)) + closing
    name = getattr(value, "__qualname__", None)
    return name if isinstance(name, str) else re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))
