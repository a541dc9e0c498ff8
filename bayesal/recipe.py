"""How an experiment prints: every part by its name and settings, never by its address in memory."""

import hashlib
import re
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor


def recipe(self: Any) -> str:
    """``Pick(view=Predictive(score=bald, num_hypotheses=100), rule=top)``: the same text in every process.

    Frozen dataclasses of the library print through this, so that a study can tell whether it is continued with the
    method it was started with. The argument is called ``self`` because the function is their ``__repr__``.
    """
    if is_dataclass(self) and not isinstance(self, type):
        shown = (field.name for field in fields(self) if field.repr)  # data are no settings
        settings = ", ".join(f"{name}={recipe(getattr(self, name))}" for name in shown)
        return f"{type(self).__name__}({settings})"
    if isinstance(self, partial):
        settings = ", ".join(
            [*map(recipe, self.args), *(f"{key}={recipe(value)}" for key, value in self.keywords.items())]
        )
        return f"{recipe(self.func)}({settings})"
    if isinstance(self, tuple | list):
        opening, closing = ("(", ")") if isinstance(self, tuple) else ("[", "]")
        return opening + ", ".join(map(recipe, self)) + closing
    name = getattr(self, "__qualname__", None)
    return name if isinstance(name, str) else re.sub(r" at 0x[0-9a-fA-F]+", "", repr(self))


def digest(values: Any) -> str:
    """A few characters that depend on every number: other numbers are another recipe. Empty for what is no array."""
    if not isinstance(values, Tensor | np.ndarray):
        return ""
    array = values.detach().cpu().numpy() if isinstance(values, Tensor) else values
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:12]
