"""Name a run of a playbook by its process, so that a lock whose holder died is known as void."""

from __future__ import annotations

import os
from pathlib import Path

PROGRAM = b"ansible-playbook"


def here(proc: Path = Path("/proc")) -> str:
    """Name the run of ansible-playbook that this process belongs to.

    Args:
        proc: Where the kernel shows processes.

    Returns:
        `machine:pid:start`, of the topmost ansible-playbook above us, or of our parent where there is none.
    """
    pid, found = os.getppid(), os.getppid()
    while pid > 1 and (proc / str(pid)).exists():
        if PROGRAM in (proc / str(pid) / "cmdline").read_bytes():
            found = pid
        pid = int(_fields(pid, proc)[1])
    return f"{os.uname().nodename}:{found}:{_fields(found, proc)[19]}"


def is_over(name: str, proc: Path = Path("/proc")) -> bool:
    """Say whether a run has certainly ended; of another machine's run nobody here can tell.

    Args:
        name: As `here` gave it.
        proc: Where the kernel shows processes.

    Returns:
        True where it ran on this machine and its process is gone.
    """
    machine, _, rest = name.partition(":")
    pid, _, start = rest.partition(":")
    if machine != os.uname().nodename or not pid.isdecimal():
        return False
    try:
        state, *_, began = _fields(int(pid), proc)[:20]
    except FileNotFoundError:
        return True
    return began != start or state == "Z"


def _fields(pid: int, proc: Path) -> list[str]:
    # From the state on: the name before it, in brackets, may hold spaces and brackets itself.
    return (proc / str(pid) / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
