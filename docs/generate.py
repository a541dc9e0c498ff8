"""What the documentation copies from the code: the tables of methods and posteriors, and every command's help."""

import os
import subprocess
import sys
from pathlib import Path

from bayesal import methods
from bayesal.bench.learners import POSTERIORS
from bayesal.cli import app


def write_generated(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "methods.md").write_text(_methods(), encoding="utf-8")
    (folder / "posteriors.md").write_text(_posteriors(), encoding="utf-8")
    (folder / "commands.md").write_text(_commands(), encoding="utf-8")


def _methods() -> str:
    rows = [(f"`{row.name}`", row.summary, row.tasks, row.needs, row.paper) for row in methods.describe()]
    return _table(("method", "what it asks for", "tasks", "needs", "paper"), rows)


def _posteriors() -> str:
    rows = [(f"`{name}`", *facts) for name, *facts in POSTERIORS]
    return _table(("posterior", "tasks", "needs", "paper"), rows)


def _commands() -> str:
    environment = {**os.environ, "COLUMNS": "110", "NO_COLOR": "1", "TERM": "dumb"}
    names = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    parts = []
    for name in names:
        command = [sys.executable, "-m", "bayesal", name, "--help"]
        shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        parts.append(f"## bayesal {name}\n\n```text\n{shown.strip()}\n```\n")
    return "\n".join(parts)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
