"""What the README and the tutorials say runs, in their order, in an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TUTORIALS = sorted((ROOT / "tutorials").glob("[0-9]*.py"))


def _run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    script = folder / "script.py"
    script.write_text(code, encoding="utf-8")
    environment = {**os.environ, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, script], cwd=folder, env=environment, capture_output=True, text=True)


def test_the_python_of_the_readme_runs_as_written(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 3
    code = "\n".join(blocks) + "\nassert len(study.labels) == 40 and len(selection.ids) == 10\n"
    done = _run(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs/mine/ledger.sqlite").exists()


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_every_tutorial_runs_and_ends_in_an_assertion(path: Path, tmp_path: Path) -> None:
    code = path.read_text(encoding="utf-8")
    assert code.rstrip().splitlines()[-1].startswith("assert ")
    done = _run(code, tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_readme_names_the_commands_that_set_up_and_run() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "pip install -c constraints.txt -e . && bayesal demo" in readme
    assert "pip install -c constraints.txt -e '.[test]' && pytest" in readme


def test_importing_bayesal_loads_nothing_heavy() -> None:
    code = "import sys, bayesal; assert not {'torch', 'numpy', 'pandas', 'sklearn'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
