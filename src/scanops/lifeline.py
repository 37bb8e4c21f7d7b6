"""Run a command that ends with whoever started it, however that one ends.

`python -m scanops.lifeline FD COMMAND…` runs a command in a session of its own, and ends that whole session
when the other end of the pipe FD closes: a killed process closes its pipes too.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

# For stages to take away what is unfinished.
GRACE_S = 20.0
POLL_S = 0.1


def run(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, or to the end of this process.

    Args:
        command: Program and arguments.
        folder: Where to run it.
        environ: Its environment.

    Returns:
        Exit code, and what it wrote to both streams as `stdout`.
    """
    reader, writer = os.pipe()
    try:
        return subprocess.run(
            [sys.executable, "-m", "scanops.lifeline", str(reader), *command],
            cwd=folder,
            env=dict(environ),
            pass_fds=[reader],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    finally:
        os.close(reader)
        os.close(writer)


def hold(reader: int, command: Sequence[str]) -> int:
    """Run a command in a session that does not outlive the writer of a pipe.

    Args:
        reader: File descriptor of the pipe's end to read; nothing is ever written.
        command: Program and arguments.

    Returns:
        The command's exit code.
    """
    # Ray kills the children of a worker that it ends, and this process is one: its own child outlives that.
    supervisor = os.fork()
    if not supervisor:
        os.setsid()
        os._exit(_supervise(reader, command))
    return os.waitstatus_to_exitcode(os.waitpid(supervisor, 0)[1])


def _supervise(reader: int, command: Sequence[str]) -> int:
    process = subprocess.Popen(command, start_new_session=True)

    def watch() -> None:
        os.read(reader, 1)
        _end(process.pid)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    code = process.wait()
    if select.select([reader], [], [], 0)[0]:
        watcher.join()  # the command may have children that have not ended
    return code if code >= 0 else 128 - code  # as shells tell of a signal


def _end(group: int) -> None:
    _signal(group, signal.SIGINT)
    deadline = time.monotonic() + GRACE_S
    while time.monotonic() < deadline and _lives(group):
        time.sleep(POLL_S)
    _signal(group, signal.SIGKILL)


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(hold(int(sys.argv[1]), sys.argv[2:]))
