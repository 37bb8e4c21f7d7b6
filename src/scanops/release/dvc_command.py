"""DVC's command line, of the environment that this process runs in."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from scanops.errors import OutsideError


def run(root: Path, *words: str, **environment: str) -> str:
    """Run `dvc`, to its end.

    Args:
        root: The project's folder.
        *words: After `dvc`.
        **environment: Variables beside this process's own.

    Returns:
        What it printed.

    Raises:
        OutsideError: It failed.
    """
    command, environ = [sys.executable, "-m", "dvc", *words], {**os.environ, **environment}
    # Files, no pipes: the workers that `queue start` leaves behind would hold these open.
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complained:
        done = subprocess.run(command, cwd=root, env=environ, stdout=said, stderr=complained, check=False)
        said.seek(0)
        complained.seek(0)
        if done.returncode:
            fault = (complained.read().strip().splitlines() or ["no message"])[0].removeprefix("ERROR: ")
            raise OutsideError(f"`dvc {' '.join(words[:2])}`", f"failed ({fault})", "See `dvc queue status`")
        return said.read()
