"""Programs that we are compared with, in environments of their own, each from its lock file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

UV = "build/uv/bin/uv"


def install(name: str) -> str | None:
    """Make the environment of a program, or say why it is left out.

    Args:
        name: Of its lock file in `requirements/`, and of its folder in `build/`.

    Returns:
        Its Python; None where it cannot be installed.
    """
    python = str((Path("build") / name / "bin" / "python").absolute())
    # uv trusts what pip was told to trust.
    trust = {"SSL_CERT_FILE": os.environ["PIP_CERT"]} if os.environ.get("PIP_CERT") else {}
    made = Path(python).exists()
    commands = [
        *([] if made else [[UV, "venv", "--quiet", "--python", sys.executable, f"build/{name}"]]),
        [
            *(UV, "pip", "sync", "--quiet", "--compile-bytecode"),  # as our own environment
            *("--python", python, "--require-hashes", f"requirements/{name}.txt"),
        ],
    ]
    for command in commands:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**trust, **os.environ}
        )
        if done.returncode:
            print(f"{name} is left out: it cannot be installed\n{done.stderr.strip()}", file=sys.stderr)
            return None
    return python
