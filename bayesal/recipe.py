"""How an experiment prints: every part by its name and settings, never by its address in memory."""

import hashlib
import re
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor


def recipe(self: Any) -> str:
    """``Pick(view=Predictive(score=bald, num_hypotheses=100), rule=top)``: the same text in every process.

    Frozen dataclasses of the library print through this, so that a study can tell whether it is continued with the
    method it was started with. Numbers in arrays count by their :func:`digest`, and a dataclass with a ``__repr__`` of
    its own speaks for itself. The argument is called ``self`` because the function is their ``__repr__``.
    """
    if isinstance(self, Tensor | np.ndarray):
        return f"array({tuple(self.shape)}, {digest(self)})"
    if is_dataclass(self) and not isinstance(self, type) and not _has_own_text(self):
        return by_settings(self)
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


def by_settings(self: Any) -> str:
    """A dataclass by the recipes of its fields, whatever its ``__repr__``; fields with ``repr=False`` are left out."""
    shown = (field.name for field in fields(self) if field.repr)  # data are no settings
    settings = ", ".join(f"{name}={recipe(getattr(self, name))}" for name in shown)
    return f"{type(self).__name__}({settings})"


def digest(values: Any) -> str:
    """A few characters that depend on every number: other numbers are another recipe. Empty for what is no array."""
    if not isinstance(values, Tensor | np.ndarray):
        return ""
    if isinstance(values, Tensor):  # by bytes, since NumPy has no bfloat16
        values = values.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:12]


def _has_own_text(part: Any) -> bool:
    """Whether its ``__repr__`` is written by hand: not ours, not the one ``dataclass`` makes, and not Python's."""
    return type(part).__repr__ not in (recipe, object.__repr__) and not part.__dataclass_params__.repr
