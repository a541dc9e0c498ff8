"""Posteriors: one file per way of being unsure. Each gives K fixed functions by ``draw``.

Those that need Pyro, GPyTorch or BoTorch are imported when they are first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bayesal.posteriors.dropout import MCDropout as MCDropout
from bayesal.posteriors.ensemble import DeepEnsemble as DeepEnsemble
from bayesal.posteriors.greedy_ensemble import GreedyEnsemble as GreedyEnsemble
from bayesal.posteriors.network import NetworkHypotheses as NetworkHypotheses

if TYPE_CHECKING:
    pass

_LATER: dict[str, str] = {}
"""By name, the module of this room that has it."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"bayesal.posteriors.{_LATER[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_LATER])
