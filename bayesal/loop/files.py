"""Files that are never half written: a name holds either what it held before or all of the new content."""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from safetensors.torch import save
from torch import Tensor

STALE_AFTER = 3600.0  # seconds: what a killed process left half written this long ago is nobody's any more


def write_atomically(path: str | Path, content: bytes) -> None:
    """Write beside the target, fsync, rename over it, fsync the folder: durable when this returns.

    Raises OSError in one sentence (a full disk, a folder that cannot be written); what the file held is still there.
    """
    path = Path(path)
    _remove_stale(path)
    beside = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        try:
            with open(beside, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise OSError(
            error.errno, f"could not write {path} ({error.strerror}); what it held before is untouched"
        ) from error


def write_json(path: str | Path, content: Mapping[str, Any]) -> None:
    """One JSON object, indented for people, in UTF-8."""
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())


def read_json(path: str | Path) -> dict[str, Any] | None:
    """The JSON object in a file, None if there is no file. Raises ValueError if it holds anything else."""
    try:
        content = json.loads(Path(path).read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{path} is not readable JSON ({error}); it was not touched: restore it") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a JSON {type(content).__name__}, not an object; it was not touched: restore it")
    return content


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor]) -> str:
    """Tensors as safetensors (no pickle); returns the SHA-256 of the file."""
    content = save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()})
    write_atomically(path, content)
    return hashlib.sha256(content).hexdigest()


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Windows has no such call and keeps its own journal of names."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_stale(path: Path) -> None:
    for left in path.parent.glob(f".{_literal(path.name)}.*.tmp"):
        try:
            if time.time() - left.stat().st_mtime > STALE_AFTER:
                left.unlink()
        except FileNotFoundError:
            continue  # its writer was alive after all and has just renamed it


def _literal(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
