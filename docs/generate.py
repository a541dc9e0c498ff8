"""What the documentation copies from the code: the tables of methods and posteriors, every command's help, and the
tutorials, which the build then executes."""

import os
import re
import subprocess
import sys
from pathlib import Path

from nbformat import NotebookNode, v4, write

from bayesal import methods
from bayesal.bench.posteriors import POSTERIORS
from bayesal.cli import app

TUTORIALS = sorted((Path(__file__).parent.parent / "tutorials").glob("[0-9]*.py"))

LEGEND = """`python docs/pictures.py` draws these, by the learners of `bayesal run --posterior NAME`. A curve: twenty
noisy values, functions drawn (grey), their mean (blue) and two standard deviations without and with the noise of a
label. Two moons: forty labels, the averaged probability of black, and the mutual information between a label and the
model."""


def write_generated(folder: Path) -> None:
    (folder / "tutorials").mkdir(parents=True, exist_ok=True)
    (folder / "methods.md").write_text(_methods(), encoding="utf-8")
    (folder / "posteriors.md").write_text(_posteriors(), encoding="utf-8")
    (folder / "commands.md").write_text(_commands(), encoding="utf-8")
    for path in TUTORIALS:
        write(_notebook(path.read_text(encoding="utf-8")), folder / "tutorials" / f"{path.stem}.ipynb")


def _methods() -> str:
    rows = [(f"`{row.name}`", row.summary, row.tasks, row.needs, row.paper) for row in methods.describe()]
    return _table(("method", "what it asks for", "tasks", "needs", "paper"), rows)


def _posteriors() -> str:
    rows = [(f"`{row.name}`", row.tasks, row.needs, row.paper) for row in POSTERIORS]
    pictures = "".join(f"### {row.name}\n\n![{row.name}](/_static/posteriors/{row.name}.png)\n\n" for row in POSTERIORS)
    return (
        _table(("posterior", "tasks", "needs", "paper"), rows) + f"\n## What they look like\n\n{LEGEND}\n\n{pictures}"
    )


def _commands() -> str:
    environment = {**os.environ, "COLUMNS": "110", "NO_COLOR": "1", "TERM": "dumb"}
    names = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    parts = []
    for name in names:
        command = [sys.executable, "-m", "bayesal", name, "--help"]
        shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        parts.append(f"## bayesal {name}\n\n```text\n{shown.strip()}\n```\n")
    return "\n".join(parts)


def _notebook(percent: str) -> NotebookNode:
    """The notebook of a script whose cells begin with ``# %%``; those with ``[markdown]`` are comments."""
    cells = []
    _, *parts = re.split(r"^# %%(.*)\n", percent, flags=re.MULTILINE)
    for head, body in zip(parts[::2], parts[1::2], strict=True):
        if "[markdown]" in head:
            cells.append(v4.new_markdown_cell(re.sub(r"^# ?", "", body.strip(), flags=re.MULTILINE)))
        else:
            cells.append(v4.new_code_cell(body.strip()))
    kernel = {"name": "python3", "display_name": "Python", "language": "python"}
    return v4.new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
