"""The cache folder: what was fetched once is kept, whole or not at all."""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

Kept = TypeVar("Kept", pd.DataFrame, dict[str, np.ndarray])


def cache_folder() -> Path:
    """``$BAYESAL_CACHE``, else the user's cache folder of this system."""
    if chosen := os.environ.get("BAYESAL_CACHE"):
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "bayesal"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "bayesal" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "bayesal"


def read_table(path: Path) -> pd.DataFrame:
    """A kept table."""
    return _read(path, pd.read_parquet)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Kept arrays, by name."""

    def read(file: Path) -> dict[str, np.ndarray]:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            return dict(arrays)

    return _read(path, read)


def keep(path: Path, what: pd.DataFrame | dict[str, np.ndarray]) -> str:
    """Write to the cache by a temporary file and a rename; where that fails, a sentence saying so, for the notes."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, suffix=path.suffix)
        try:
            with os.fdopen(handle, "wb") as file:
                what.to_parquet(file) if isinstance(what, pd.DataFrame) else np.savez_compressed(file, **what)  # pyright: ignore[reportArgumentType]
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
    except OSError as error:  # the data are at hand all the same
        return f"could not be kept in {path.parent} ({error.strerror})"
    return ""


def _read(path: Path, read: Callable[[Path], Any]) -> Any:
    try:
        return read(path)
    except Exception as error:
        raise ValueError(f"the kept copy {path} cannot be read ({error}); delete it to fetch it again") from error
