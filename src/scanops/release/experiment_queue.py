"""DVC's queue of experiments: candidates go in, its workers run them in the background, watched from here."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.repo import Repo

from scanops.errors import OutsideError
from scanops.release import dvc_command, experiment_task, experiment_workers, experiments

POLL_S = 2.0
PATIENCE = 10  # polls without any worker, or without a sign of an experiment
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
    if experiment_workers.count(root):
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
        dvc_command.run(root, "queue", "remove", *found)


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
    lost = [
        one for one in abandoned if (info := pids.get(one)) is None or not experiment_workers.lives(info.pid)
    ]
    for one in lost:
        try:
            dvc_command.run(root, "queue", "kill", one)
        except OutsideError:
            if states(root).get(one) == "Running":
                raise  # else it ended meanwhile


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
        idle = 0 if experiment_workers.count(root) else idle + 1
        if idle > PATIENCE:  # killed: nobody will end what it had begun
            give_up(root, {one for one, state in held.items() if state == "Running"} & set(wanted) - done)
        # Some workers end before the queue does (DVC issue 10562).
        if idle % PATIENCE == 1 and "Queued" in held.values():
            experiment_workers.start(root, jobs)
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
        said = dvc_command.run(root, "queue", "logs", experiment)
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
