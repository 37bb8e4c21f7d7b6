"""Run DVC as a child that is waited for, whatever signal comes."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

# DVC ends with 255 whatever a stage ended with; a stage notes its own exit code in the file named here.
EXIT_CODE_FILE = "SCANOPS_EXIT_CODE_FILE"
INTERRUPTED = 130  # the shells' convention for a process ended by Ctrl-C


def run(command: Sequence[str]) -> int:
    """Run a command of DVC to its end.

    Ctrl-C and SIGTERM are handed to DVC and its stage, which clean up, and are waited for: nothing goes
    on in the background.

    Args:
        command: `dvc` and its arguments.

    Returns:
        0, or the exit code of the stage that ended the run, or 130 when a signal did, or 1.
    """
    stopped: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        noted = Path(folder) / "exit_code"
        environment = {**os.environ, EXIT_CODE_FILE: str(noted)}
        # A session of its own: its group can be signalled without signalling whoever called us.
        with subprocess.Popen(command, env=environment, start_new_session=True) as process:

            def hand_on(number: int, _frame: FrameType | None) -> None:
                stopped.append(number)
                os.killpg(process.pid, signal.SIGINT)

            before = {number: signal.signal(number, hand_on) for number in (signal.SIGINT, signal.SIGTERM)}
            try:
                code = process.wait()
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)
        if stopped:
            return INTERRUPTED
        return int(noted.read_text(encoding="utf-8")) if code and noted.exists() else int(code != 0)
