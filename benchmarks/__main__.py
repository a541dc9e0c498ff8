"""``python -m benchmarks``: every benchmark, each in a process of its own; ``--smoke`` shrinks them to seconds."""

import argparse
import pkgutil
import subprocess
import sys
from pathlib import Path

PARTS = {"networks", "variants"}
"""What runs of benchmarks take by name."""


def main() -> int:
    modules = {module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])}
    there = sorted(name for name in modules - PARTS if not name.startswith("_"))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *there], help=f"which ones (default: all): {', '.join(there)}")
    parser.add_argument("--smoke", action="store_true", help="a few seconds each, to see that they run")
    arguments = parser.parse_args()
    for name in arguments.names or there:
        print(f"\n== {name}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}", *(["--smoke"] if arguments.smoke else [])]
        done = subprocess.run(command)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
