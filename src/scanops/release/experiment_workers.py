"""The workers of DVC's queue: processes that DVC starts in the background, one experiment at a time each."""

from __future__ import annotations

import json
import os
from pathlib import Path

from dvc.repo import Repo

from scanops.release import dvc_command

FILES = "dvc-exp-worker-*.json"


def start(root: Path, jobs: int) -> None:
    """Start workers, up to a number of them; each ends by itself when the queue is empty.

    Args:
        root: The project's folder.
        jobs: How many experiments run at a time.

    Raises:
        OutsideError: DVC cannot start them.
    """
    # A stage starts in the copy's folder: this path makes it run the copy's code.
    dvc_command.run(root, "queue", "start", "--jobs", str(jobs), PYTHONPATH="src")


def count(root: Path) -> int:
    """Count the workers that live, by the files that DVC keeps of them.

    They are not asked: a question is a file in the queue's folder, and a worker that reads it half-written
    ends in the middle of its work (kombu's file system transport).

    Args:
        root: The project's folder.
    """
    with Repo(str(root)) as repo:
        folder = Path(repo.experiments.celery_queue.wdir)
    return sum(_works(file) for file in folder.glob(FILES))


def _works(file: Path) -> bool:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:  # cleaned up meanwhile
        return False
    return told["returncode"] is None and lives(int(told["pid"]))


def lives(pid: int) -> bool:
    """Tell whether a process is there.

    Args:
        pid: Its process id.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
