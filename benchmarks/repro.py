"""How long a newcomer waits: `make repro` in a fresh clone, then again with nothing changed.

Clones the repository as committed into a temporary folder. Packages come from wherever pip and uv are
told to look; an engine and a base image that are there already are used, and it says so.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import machine


def main() -> None:
    """Print both times."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", default="", help='changed parameters, as in make repro SET="…"')
    change = parser.parse_args().set
    images = subprocess.run(["docker", "images", "-q"], capture_output=True, text=True, check=False)
    print("engine:", "answers" if images.returncode == 0 else "none before the run")
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "scanops"
        subprocess.run(["git", "clone", "--quiet", ".", str(clone)], check=True)
        command = ["make", "repro", *([f"SET={change}"] if change else [])]
        print(f"fresh clone:     {_time(command, clone):6.1f} s")
        print(f"nothing changed: {_time(command, clone):6.1f} s")
    print(machine.describe())


def _time(command: list[str], folder: Path) -> float:
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        )
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
