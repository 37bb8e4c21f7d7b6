"""Connections whose client is slow, silent or broken: bounded in time and number, and told in our form.

uvicorn bounds neither how long a request's head may take nor how long a client may leave its answer unread,
and answers broken HTTP in plain text.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from scanops.serving.problems import ProblemError, raw

# Of a request's first line and headers together; uvicorn's own bound.
HEAD_BYTES = 64 * 1024


@dataclass(frozen=True)
class Patience:
    """How long a connection may keep the service waiting, and how many there may be.

    Attributes:
        head_s: For a request's head to arrive, and for the rest of a body that nobody reads any more.
        unread_s: For an answer to be read.
        connections: Open at the same time.
    """

    head_s: float = 10.0
    unread_s: float = 30.0
    connections: int = 512


def bounded(patience: Patience) -> type[H11Protocol]:
    """Make uvicorn's protocol with bounds.

    Args:
        patience: The bounds.

    Returns:
        A class for uvicorn's setting `http`.
    """

    class Bounded(_Bounded):
        bounds = patience

    return Bounded


class _Unambiguous(h11.Connection):
    """Refuses a request whose end two readers could see at two places.

    h11 takes the chunks' word where a length is told too, and reads on. Behind a proxy that takes the
    length's, what follows would be answered as a request of somebody else's (RFC 9112, 6.1 and 6.3).
    """

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Request):
            named = {name for name, _ in event.headers}
            chunked = b"transfer-encoding" in named
            if chunked and (b"content-length" in named or event.http_version < b"1.1"):
                raise h11.RemoteProtocolError("two framings")
        return event


class _Bounded(H11Protocol):
    bounds = Patience()
    _head: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.conn = _Unambiguous(h11.SERVER, HEAD_BYTES)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        if len(self.connections) > self.bounds.connections:
            self._refuse(ProblemError(503, "Too many connections; try again later.", {"retry-after": "1"}))
            return
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(self.bounds.unread_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread:
            self._unread.cancel()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._abort_later()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 -- uvicorn's signature
        # h11 refuses to begin a second answer: half of one is ended with its connection.
        if self.cycle and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.abort()
            return
        self._refuse(ProblemError(400, "This is not HTTP as RFC 9112 has it."))

    def _watch_head(self) -> None:
        """Run a clock while no request is being answered; it starts anew with each request alone."""
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering or self.transport.is_closing():
            if self._head:
                self._head.cancel()
            self._head = None
        elif self._head is None:
            self._head = self.loop.call_later(self.bounds.head_s, self._give_up)

    def _give_up(self) -> None:
        if self.cycle is not None or self.transport.is_closing():
            self.transport.abort()  # it has had its answer
        else:
            self._refuse(ProblemError(408, f"The request did not arrive within {self.bounds.head_s:g} s."))

    def _refuse(self, problem: ProblemError) -> None:
        if self.cycle:
            # Who still reads the body learns that its client has gone.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(raw(problem))
        self.transport.close()
        self._abort_later()

    def _abort_later(self) -> None:
        """Close for good what the client leaves unread."""
        self._cancel()
        self._unread = self.loop.call_later(self.bounds.unread_s, self.transport.abort)

    def _cancel(self) -> None:
        for timer in (self._head, self._unread):
            if timer:
                timer.cancel()
