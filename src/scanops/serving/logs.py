"""Log lines: one JSON object each, with the request that it belongs to.

What the service writes itself holds chosen fields alone. Of what libraries log, a line keeps who, how grave
and where, and the words as they stand in the library's code: the values put into them may be a patient's.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import logging
import random
import re
import sys
import traceback
from contextvars import ContextVar
from typing import TextIO

log = logging.getLogger("scanops.serving")
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

# UUIDs, and the hexadecimal ids of nginx, Envoy and W3C trace contexts. No wider: in letters a gateway could
# send a patient's name, and it would be logged.
_WELL_FORMED = re.compile(r"[0-9a-fA-F-]{16,64}")
_AS_JSON = json.JSONEncoder(default=str).encode
# Loggers whose words are known to be fixed.
_TRUSTED = ("uvicorn", "asyncio")


def take_id(sent: str | None) -> str:
    """Give a request its id.

    Args:
        sent: The header `x-request-id`, if there was one.

    Returns:
        What was sent, where it is 16 to 64 hexadecimal digits and hyphens; else a new id of 32.
    """
    if sent and _WELL_FORMED.fullmatch(sent):
        return sent
    return f"{random.getrandbits(128):032x}"  # it has to differ from others, not to be a secret


def write(level: int, event: str, **fields: object) -> None:
    """Log one event, with its time and the request that it belongs to.

    Args:
        level: As in `logging`.
        event: What happened, in a word.
        **fields: What JSON can hold. No name, path, query, address or content of a request.
    """
    if log.isEnabledFor(level):
        # As `log.log` does it, without searching for who called.
        log.handle(logging.LogRecord(log.name, level, __file__, 0, _line(level, event, fields), None, None))


def write_error(event: str, error: BaseException) -> None:
    """Log an exception by its type and places, without its message: that may quote a file.

    Args:
        event: What happened, in a word.
        error: What was raised.
    """
    write(logging.ERROR, event, type=type(error).__name__, at=_places(error))


def set_up() -> None:
    """Send every log line of this process to its standard output, as JSON."""
    handler = OneWrite(sys.stdout)
    handler.setFormatter(Lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.captureWarnings(True)


class OneWrite(logging.StreamHandler[TextIO]):
    """Writes the lines of one round of the event loop together: each write lets go of Python's lock.

    Lines from elsewhere, and warnings and errors from anywhere, are written at once, after those before them.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line; see logging."""
        try:
            self._lines.append(self.format(record) + self.terminator)
            loop = _running_loop()
            if loop is None or record.levelno > logging.INFO:
                self.flush()
            elif len(self._lines) == 1:
                loop.call_soon(self.flush)
        except Exception:  # as logging's own handlers have it: a line is no reason to fail
            self.handleError(record)

    def flush(self) -> None:
        """Write what waits."""
        with self.lock or contextlib.nullcontext():
            lines, self._lines = self._lines, []
            if lines:
                self.stream.write("".join(lines))
            self.stream.flush()


class Lines(logging.Formatter):
    """Writes records of libraries as JSON, and passes on the lines of `write` as they are."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record as one line."""
        if record.name == log.name:
            return record.getMessage()
        fields: dict[str, object] = {"logger": record.name, "at": f"{record.module}:{record.lineno}"}
        if record.name.startswith(_TRUSTED):
            fields["message"] = str(record.msg).strip()
        error = record.exc_info[1] if record.exc_info else None
        if error:
            fields |= {"type": type(error).__name__, "at": _places(error)}
        return _line(record.levelno, "library", fields)


def _line(level: int, event: str, fields: dict[str, object]) -> str:
    now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
    told = {"time": now, "level": logging.getLevelName(level).lower(), "event": event}
    asked = request_id.get()
    return _AS_JSON(told | ({"request_id": asked} if asked else {}) | fields)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _places(error: BaseException) -> list[str]:
    return [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)][-5:]
