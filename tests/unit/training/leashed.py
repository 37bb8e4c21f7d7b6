"""A worker as `launch` starts it, without TensorFlow, and a program that starts such workers.

`leashed.py start WAYS` starts a worker for each of the comma-separated WAYS; without `start` it is one.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from pipelines import entry_point
from scanops.errors import OutsideError
from scanops.training import launch, leash, team


def work() -> None:
    """Do what the own place in the list says."""
    ways = sys.argv[-1].split(",")
    own = team.read(os.environ, len(ways))
    rope = leash.held(os.environ)
    if own is None or rope is None:
        raise OutsideError("this worker", "knows nothing of the others", "Start it by launch")
    Path(f"{own.place}.pid").write_text(str(os.getpid()), encoding="utf-8")
    match ways[own.place]:
        case "well":
            return
        case "killed":
            time.sleep(0.5)
            os.kill(os.getpid(), signal.SIGKILL)
        case "refuses":
            raise OutsideError("data", "is gone", "Bring it back")
        case "waits":
            if not (word := rope.word()):
                time.sleep(60)
            raise OutsideError(word, "and the training has stopped", "Run it again")
        case "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(60)


def start() -> None:
    """Start the workers."""
    ways = sys.argv[-1]
    command = [sys.executable, str(Path(__file__).absolute()), ways]
    if code := launch.run(command, os.environ, len(ways.split(","))):
        entry_point.leave(code)


if __name__ == "__main__":
    leash.GRACE_S, leash.WORD_S, launch.GRACE_S = 2.0, 20.0, 3.0
    entry_point.run(start if sys.argv[1] == "start" else work)
