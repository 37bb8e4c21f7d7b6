"""DVC's queue of experiments: candidates go in, its workers run them in the background, watched from here."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.repo import Repo

from scanops.errors import OutsideError
from scanops.release import experiment_task, experiments

POLL_S = 2.0
PATIENCE = 10  # polls without any worker, or without a sign of an experiment
WORKERS = "dvc-exp-worker-*.json"
ENDED = ("Success", "Failed")
# Of several entries with one name the most alive one counts: DVC keeps those that have ended.
ALIVE = ("Running", "Queued", *ENDED)
# DVC's own files are read while its workers write them.
PASSING_FAULTS = (DvcException, OSError, ValueError, KeyError, UnboundLocalError)


def states(root: Path) -> dict[str, str]:
    """Look at DVC's queue.

    Args:
        root: The project's folder.

    Returns:
        `Queued`, `Running`, `Success` or `Failed`, by name.

    Raises:
        OutsideError: The queue cannot be read, time and again.
    """
    rank = {state: place for place, state in enumerate(ALIVE)}
    tasks = sorted(_tasks(root), key=lambda task: rank.get(task[1], len(rank)), reverse=True)
    return {name: state for name, state, _ in tasks}


def queue(root: Path, target: str, wanted: Mapping[str, Sequence[str]]) -> list[str]:
    """Put experiments into the queue; those that wait, run, or have ended well stay as they are.

    Args:
        root: The project's folder.
        target: The stage where they end.
        wanted: Changes of `params.yaml` as `--set-param` takes them, by name.

    Returns:
        The names of those that went in.

    Raises:
        OutsideError: DVC refuses one.
    """
    held, known = states(root), experiments.results(root)
    if workers(root):
        # On its way from one list to the other a task is in neither.
        time.sleep(POLL_S)
        held = states(root) | {one: state for one, state in held.items() if state == "Queued"}
    elif lost := [one for one in wanted if held.get(one) == "Running"]:
        give_up(root, lost)
        held = states(root)
    missing = [one for one in wanted if one not in known and held.get(one) not in ("Queued", "Running")]
    forget(root, missing, ENDED)
    for one in missing:
        try:
            with Repo(str(root)) as repo:
                repo.experiments.run([target], params=list(wanted[one]), queue=True, name=one)
        except DvcException as error:
            raise OutsideError(
                f"experiment {one}", f"cannot be queued ({error})", "See `dvc queue status`"
            ) from error
    return missing


def forget(root: Path, names: Collection[str], of: Collection[str]) -> None:
    """Take entries out of the queue.

    Args:
        root: The project's folder.
        names: Of experiments.
        of: The states whose entries go.

    Raises:
        OutsideError: DVC refuses.
    """
    # By commit: a name may have several, of which DVC would take one.
    if found := [commit for name, state, commit in _tasks(root) if name in names and state in of]:
        _dvc(root, "queue", "remove", *found)


def give_up(root: Path, abandoned: Collection[str]) -> None:
    """Mark experiments whose worker and process are gone as failed.

    Args:
        root: The project's folder.
        abandoned: Names of running ones; there may be none.

    Raises:
        OutsideError: DVC refuses.
    """
    with Repo(str(root)) as repo:
        held = repo.experiments.celery_queue
        pids = {entry.name: held.proc.get(entry.stash_rev) for entry in held.iter_active()}
    lost = [one for one in abandoned if (info := pids.get(one)) is None or not _lives(info.pid)]
    if lost:
        _dvc(root, "queue", "kill", *lost)


def work(root: Path, jobs: int) -> None:
    """Start workers, up to a number of them; each ends by itself when the queue is empty.

    Args:
        root: The project's folder.
        jobs: How many experiments run at a time.

    Raises:
        OutsideError: DVC cannot start them.
    """
    # A stage starts in the copy's folder: this path makes it run the copy's code.
    _dvc(root, "queue", "start", "--jobs", str(jobs), PYTHONPATH="src")


def workers(root: Path) -> int:
    """Count the workers that live, by the files that DVC keeps of them.

    They are not asked: a question is a file in the queue's folder, and a worker that reads it half-written
    ends in the middle of its work (kombu's file system transport).

    Args:
        root: The project's folder.
    """
    with Repo(str(root)) as repo:
        folder = Path(repo.experiments.celery_queue.wdir)
    return sum(_works(file) for file in folder.glob(WORKERS))


def wait(root: Path, wanted: Collection[str], jobs: int, tell: Callable[[str, str], object]) -> None:
    """Wait until experiments have ended, well or not.

    Args:
        root: The project's folder.
        wanted: Names.
        jobs: How many of them run at a time.
        tell: Told name and state of each as it ends, `Success` or `Failed`.

    Raises:
        OutsideError: The queue cannot be read, or no worker can be started.
    """
    done, idle, unseen = set(experiments.results(root)) & set(wanted), 0, Counter[str]()
    while True:
        held, known = states(root), experiments.results(root)
        for one in sorted(set(wanted) - done):
            unseen[one] = 0 if one in held else unseen[one] + 1
            if one in known or held.get(one) in ENDED or unseen[one] > PATIENCE:
                done.add(one)
                tell(one, "Success" if one in known else "Failed")
        if len(done) == len(wanted):
            return
        idle = 0 if workers(root) else idle + 1
        if idle > PATIENCE:  # killed: nobody will end what it had begun
            give_up(root, {one for one, state in held.items() if state == "Running"} & set(wanted) - done)
        # Some workers end before the queue does (DVC issue 10562).
        if idle % PATIENCE == 1 and "Queued" in held.values():
            work(root, jobs)
        time.sleep(POLL_S)


def stop(root: Path, names: Collection[str]) -> None:
    """End experiments that are running; what waits in the queue stays there.

    Args:
        root: The project's folder.
        names: Of experiments: others in the queue are somebody else's.
    """
    with contextlib.suppress(*PASSING_FAULTS), Repo(str(root)) as repo:
        queue_ = repo.experiments.celery_queue
        for entry in queue_.iter_active():
            held = queue_.proc.get(entry.stash_rev) if entry.name in names else None
            if held is not None:
                # Worker, DVC and stage are one group, as on a terminal: each cleans up after itself.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(os.getpgid(held.pid), signal.SIGINT)


def fault(root: Path, experiment: str) -> str:
    """Find out why an experiment failed.

    Args:
        root: The project's folder.
        experiment: Its name.

    Returns:
        The stage's own message, or the last thing that DVC said.
    """
    try:
        said = _dvc(root, "queue", "logs", experiment)
    except OutsideError as error:
        return error.fault
    return experiment_task.message(said, "dvc queue logs")


def _tasks(root: Path) -> list[tuple[str, str, str]]:
    """Read the queue: name, state and commit of each entry."""
    for attempt in range(10):
        try:
            with Repo(str(root)) as repo:
                tasks = repo.experiments.celery_queue.status()
            return [(str(task["name"]), str(task["status"]), str(task["rev"])) for task in tasks]
        except PASSING_FAULTS as error:
            fault = error
            time.sleep(0.2 * attempt)
    raise OutsideError("DVC's queue", f"cannot be read ({fault})", "See `dvc queue status`")


def _works(file: Path) -> bool:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:  # cleaned up meanwhile
        return False
    return told["returncode"] is None and _lives(int(told["pid"]))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _dvc(root: Path, *words: str, **environment: str) -> str:
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
