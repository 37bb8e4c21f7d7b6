"""What was deployed on this host and when, and who may change it now."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from scanops_host.faults import outside, usage
from scanops_host.settings import Settings

WAIT_S = 120.0


def add(settings: Settings, event: str, **details: Any) -> None:
    """Append an event to the history, on the disk before this returns.

    Args:
        settings: Where it lies.
        event: `switched`, `kept`, `refused`, `put_back` or `retired`.
        **details: What belongs to it.
    """
    line = json.dumps(
        {"at": datetime.now(timezone.utc).isoformat(timespec="seconds"), "event": event, **details}
    )
    with _path(settings).open("a+b") as file:
        # A line that a power cut tore is not to take this one with it.
        if file.tell() and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
            file.write(b"\n")
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read(settings: Settings) -> list[dict[str, Any]]:
    """Return all events, the oldest first; a line that a power cut tore is left out."""
    if not _path(settings).exists():
        return []
    events = []
    for line in _path(settings).read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(ValueError):
            events.append(dict(json.loads(line)))
    return events


def _path(settings: Settings) -> Path:
    return settings.state / "history.jsonl"


def last(events: list[dict[str, Any]], *names: str) -> dict[str, Any] | None:
    """Return the newest event of these kinds."""
    return next((event for event in reversed(events) if event["event"] in names), None)


def kept(events: list[dict[str, Any]]) -> list[str]:
    """Return the digests that were kept on this host, and not put back since, each once, the newest first."""
    digests: dict[str, None] = {}
    left: set[object] = set()
    for event in reversed(events):
        if event["event"] == "put_back":
            left.add(event.get("instead_of"))
        elif event["event"] == "kept" and event["digest"] not in left:
            digests[str(event["digest"])] = None
    return list(digests)


@contextlib.contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Let one command of ours run on this host: one whose caller was lost may still be at work."""
    with (settings.state / "agent.lock").open("w", encoding="utf-8") as file:
        deadline = time.monotonic() + settings.ready_timeout_s + WAIT_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise outside(
                        "scanops-host: another command is at work on this host. Wait for it"
                    ) from error
                time.sleep(0.2)
        yield


def lock(settings: Settings, run: str, by: str, dead: str = "") -> None:
    """Take the host for one run of a playbook, or renew its hold.

    Args:
        settings: Where, and how long a hold lasts.
        run: The run.
        by: Who, for the message to whoever comes second.
        dead: A run that is known to have ended without giving the host back.

    Raises:
        FaultError: Another run holds it.
    """
    held = holder(settings)
    if held and held["run"] not in (run, dead):
        raise usage(
            f"lock: held by {held['by']} (run {held['run']}) since {held['at']}. Wait for that run, or, if "
            "it is surely gone, run again with -e model_service_break_lock=true"
        )
    at = (
        held["at"]
        if held and held["run"] == run
        else datetime.now(timezone.utc).isoformat(timespec="seconds")
    )
    draft = settings.state / f"lock.{os.getpid()}"
    draft.write_text(json.dumps({"run": run, "by": by, "at": at}), encoding="utf-8")
    draft.replace(settings.state / "lock")


def unlock(settings: Settings, run: str) -> bool:
    """Give the host back; return whether this run held it."""
    held = holder(settings)
    if held is None or held["run"] != run:
        return False
    (settings.state / "lock").unlink(missing_ok=True)
    return True


def holder(settings: Settings) -> dict[str, str] | None:
    """Return who holds the host: `run`, `by`, `at`; None where nobody does, or did not renew it in time."""
    found = _locked(settings)
    return found[0] if found and found[1] < settings.lock_lease_s else None


def _locked(settings: Settings) -> tuple[dict[str, str], float] | None:
    path = settings.state / "lock"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))), time.time() - path.stat().st_mtime
    except (FileNotFoundError, ValueError):
        return None


def require_lock(settings: Settings, run: str) -> None:
    """Refuse to change anything for a run that does not hold this host; renew the hold of one that does.

    A hold that nobody took over is its run's, however old: others may take it; a rollback is never refused.
    """
    held = _locked(settings)
    if held is None or held[0]["run"] != run:
        raise usage(f"lock: run {run} does not hold this host. Start the playbook again")
    os.utime(settings.state / "lock")
