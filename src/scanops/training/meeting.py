"""Workers wait for one another here, since while TensorFlow waits, nothing else of the process runs."""

from __future__ import annotations

import contextlib
import socket
import time

from scanops.errors import OutsideError
from scanops.training.leash import Leash
from scanops.training.team import Team

# A scheduler may start the last worker long after the first.
MEET_S = 600.0
POLL_S = 0.2
GO = b"go"


def meet(team: Team, leash: Leash | None = None, within_s: float = MEET_S) -> None:
    """Wait until all workers are there, each at its address, which is free again afterwards.

    The chief calls each of the others, and lets all go on when the last has answered.

    Args:
        team: The workers.
        leash: Tells of a worker that has already ended.
        within_s: How long to wait.

    Raises:
        OutsideError: A worker has not come in time, the chief has ended meanwhile, or the port is taken.
    """
    end = time.monotonic() + within_s
    if not team.is_chief:
        _await_call(team, end)
        return
    with contextlib.ExitStack() as stack:
        lines = [
            stack.enter_context(_call(team, place, leash, end)) for place in range(1, len(team.addresses))
        ]
        for line in lines:
            with contextlib.suppress(OSError):  # it has ended, which shows at the next thing done together
                line.sendall(GO)


def _call(team: Team, place: int, leash: Leash | None, end: float) -> socket.socket:
    host, _, port = team.addresses[place].rpartition(":")
    while True:
        try:
            return socket.create_connection((host, int(port)), max(POLL_S, min(5.0, end - time.monotonic())))
        except OSError as error:
            if time.monotonic() > end:
                raise _missing(team.name(place), f"cannot be reached ({error.strerror or error})") from error
        if leash and leash.told:
            subject, _, fault = leash.told.partition(": ")
            raise _missing(subject, fault)
        time.sleep(POLL_S)


def _await_call(team: Team, end: float) -> None:
    port = int(team.addresses[team.place].rpartition(":")[2])
    try:
        door = socket.create_server(("", port))
    except OSError as error:
        raise OutsideError(f"port {port}", f"cannot be used ({error.strerror})", "Choose another") from error
    with door:
        try:
            door.settimeout(max(POLL_S, end - time.monotonic()))
            line, _ = door.accept()
            with line:
                line.settimeout(max(POLL_S, end - time.monotonic()))
                word = line.recv(len(GO))
        except OSError as error:
            raise _missing(team.name(0), "has not called in time") from error
    if word != GO:
        raise _missing(team.name(0), "has ended before all had come")


def _missing(name: str, fault: str) -> OutsideError:
    return OutsideError(name, fault, "Find out why there, then start all workers again")
