"""Which slot the gateway sends requests to, and what it saw.

The gateway looks at one file for each request. Making or removing it moves all new requests to the other slot
at once; nothing is reloaded, so no connection is closed, and requests in flight end where they began.
"""

from __future__ import annotations

from pathlib import Path

from scanops_host.judgement import Timing
from scanops_host.settings import Settings

FIRST, SECOND = "a", "b"


def _flag(settings: Settings) -> Path:
    return settings.state / "gateway" / SECOND


def active(settings: Settings) -> str:
    """Return the slot that requests go to."""
    return SECOND if _flag(settings).exists() else FIRST


def other(slot: str) -> str:
    """Return the slot that is not this one."""
    return FIRST if slot == SECOND else SECOND


def switch(settings: Settings, slot: str) -> None:
    """Send all new requests to a slot."""
    if slot == SECOND:
        _flag(settings).touch(mode=0o644)
    else:
        _flag(settings).unlink(missing_ok=True)


class Log:
    """The gateway's log from now on: `<seconds> <status> <time of the answer> <slot>` a line.

    Args:
        settings: Where it is.
    """

    def __init__(self, settings: Settings) -> None:
        self._path = Path(settings.access_log)
        self._offset = self._path.stat().st_size if self._path.exists() else 0
        self._rest = ""

    def count(self, slot: str, timing: Timing) -> None:
        """Add the requests that a slot has answered since the last look."""
        if not self._path.exists():
            return
        if self._path.stat().st_size < self._offset:  # rotated
            self._offset, self._rest = 0, ""
        with self._path.open(encoding="utf-8", errors="replace") as file:
            file.seek(self._offset)
            text = self._rest + file.read()
            self._offset = file.tell()
        *lines, self._rest = text.split("\n")
        for line in lines:
            fields = line.split()
            if len(fields) == 4 and fields[3] == slot:
                timing.sent += 1
                timing.failed += int(fields[1]) >= 500
                if fields[2] != "-":
                    timing.seconds.append(float(fields[2]))
