"""Work for worker processes to do, in a module that they import quickly."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from scanops.errors import ConfigError


def square(number: int) -> tuple[int, int]:
    """Give the square, and the process that made it."""
    return number * number, os.getpid()


def fail(number: int) -> int:
    """Raise at 9."""
    if number == 9:
        raise ValueError("nine")
    return number


def refuse(number: int) -> int:
    """Raise an error whose class pickle cannot make again."""
    raise ConfigError("the number", f"is {number}", "Choose another")


def die(killers: set[int], how: str, number: int) -> int:
    """End the process in the way named when the number is a killer."""
    if number in killers:
        if how == "exit":
            os._exit(7)
        os.kill(os.getpid(), signal.Signals[how])
    return -number


def die_once(folder: Path, number: int) -> int:
    """Die of item 13 the first time, as a process does that another one starved of memory."""
    mark = folder / str(number)
    if number == 13 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return -number


def count(folder: Path, killers: set[int], number: int) -> int:
    """Leave a mark for each call, then die if the number is a killer."""
    (folder / f"{number}-{time.monotonic_ns()}").touch()
    return die(killers, "SIGKILL", number)


def large(number: int) -> bytes:
    """Give more than a socket's buffer holds."""
    return bytes([number % 256]) * 300_000


def unpicklable(number: int) -> object:
    """Give what cannot be sent."""
    return lambda: number


def leave(number: int) -> int:
    """Call sys.exit."""
    sys.exit(number)


def die_of_8_fail_at_10(number: int) -> int:
    """Die at 8 and raise at 10."""
    if number == 10:
        raise ValueError("ten")
    return -die({8}, "SIGKILL", number)


def sleepy(number: int) -> int:
    """Take 20 ms."""
    time.sleep(0.02)
    return os.getpid()


def tiny(number: int) -> float:
    """Give a fraction that only full precision tells from its neighbours."""
    return 1 / (number + 3)
