"""Answers in one piece: their head is sent with the beginning of their body, as by TCP's cork.

uvicorn writes head and body one by one. Two packets cost the client a wake-up more, and the service a system
call, after which its event loop waits for Python's lock as often as threads hold it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

_HEAD, _INTERIM = b"HTTP/1.1 ", b"HTTP/1.1 100 "


class Corked(asyncio.Transport):
    """A transport that holds the head of an answer back until more is written, or it is closed.

    Args:
        transport: The connection's own.
        closed: Called after it was told to close: what the client has not read yet is still to be sent.
    """

    def __init__(self, transport: asyncio.Transport, closed: Callable[[], object]) -> None:
        super().__init__()
        self._transport, self._closed = transport, closed
        self._held = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes; none send what is held back."""
        if not self._held and bytes(data[: len(_HEAD)]) == _HEAD and data[: len(_INTERIM)] != _INTERIM:
            self._held = bytes(data)
            return
        whole, self._held = (self._held + data if self._held else data), b""
        if whole:
            self._transport.write(whole)

    def close(self) -> None:
        """Send what is held back, and close."""
        self.write(b"")
        self._transport.close()
        self._closed()

    def write_eof(self) -> None:
        """Send what is held back, and say that nothing follows; what comes is still read."""
        self.write(b"")
        self._transport.write_eof()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def is_closing(self) -> bool:
        """Tell whether it is closed, or about to be."""
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        """Leave what comes in the system's buffer, until `resume_reading`."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Give what is known of the connection; see asyncio."""
        return self._transport.get_extra_info(name, default)
