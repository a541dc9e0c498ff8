"""Bayesian deep active learning: label less, know more.

``import bayesal as bal`` imports nothing heavy and changes no setting; the names below are loaded on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayesal.data.pool import Pool as Pool
    from bayesal.loop.study import Study as Study
    from bayesal.types import Selection as Selection

__version__ = "0.1.0"

_HOMES = {"Pool": "bayesal.data.pool", "Study": "bayesal.loop.study", "Selection": "bayesal.types"}
_ROOMS = {
    "acquisitions",
    "data",
    "learning",
    "likelihoods",
    "loop",
    "methods",
    "networks",
    "numerics",
    "posteriors",
    "selection",
    "strategies",
    "testing",
    "types",
    "views",
}

__all__ = ["Pool", "Selection", "Study", "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _ROOMS:
        return import_module(f"bayesal.{name}")
    raise AttributeError(f"module 'bayesal' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_ROOMS})
