"""A run's folder: whose it is, and where its studies live. Nothing of another run is ever overwritten."""

from itertools import count
from pathlib import Path

from bayesal.bench.config import RunConfig, configure, read_settings
from bayesal.loop.files import write_atomically

RUNS = Path("runs")


def claim(config: RunConfig) -> Path:
    """The folder of this settled configuration: new, or that of the very same run, which continues.

    Without ``out`` it is ``runs/DATA``, or the first of ``runs/DATA-2``, ``-3``, ... that is free or this run's.
    Raises ValueError when ``out`` holds another run, or anything else.
    """
    if config.out is not None:
        folder = Path(config.out)
        if reason := _not_ours(folder, config):
            raise ValueError(f"{reason}; nothing was touched: choose another folder with --out")
    else:
        name = Path(config.data.rstrip("/")).name.split(".")[0] or "run"
        folders = (RUNS / (name if number == 1 else f"{name}-{number}") for number in count(1))
        folder = next(folder for folder in folders if not _not_ours(folder, config))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot make the folder {folder} ({error.strerror}); choose another with --out") from error
    write_atomically(folder / "config.yaml", config.to_yaml().encode())
    return folder


def study_folder(folder: Path, method: str, seed: int) -> Path:
    return folder / "studies" / method.replace(":", "-").replace("/", "-") / f"seed-{seed}"


def read_run(folder: Path) -> RunConfig:
    """The configuration of a run. Raises ValueError if the folder is not one."""
    if not (folder / "config.yaml").is_file():
        raise ValueError(f"{folder} is not the folder of a run: it has no config.yaml")
    return configure(read_settings(folder / "config.yaml"))


def _not_ours(folder: Path, config: RunConfig) -> str | None:
    """Why this run cannot live in this folder, if it cannot."""
    if folder.exists() and not folder.is_dir():
        return f"{folder} is a file"
    if not folder.exists() or not any(folder.iterdir()):
        return None
    if not (folder / "config.yaml").is_file():
        return f"{folder} holds something that is not a run"
    differences = read_run(folder).differences(config)
    if not differences:
        return None
    told = ", ".join(f"{name} {there!r}, not {here!r}" for name, (there, here) in list(differences.items())[:4])
    return f"{folder} holds another run, with {told}"
