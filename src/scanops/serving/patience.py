"""Connections whose client is slow, silent or broken: bounded in time and number, and told in our form.

uvicorn bounds neither how long a request's head may take nor how long a client may leave its answer unread,
and answers broken HTTP in plain text.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from scanops.serving import logs
from scanops.serving.problems import ProblemError, raw
from scanops.serving.strict_http import StrictHttp


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


def bounded(patience: Patience, count: Callable[[int], object]) -> type[StrictHttp]:
    """Make uvicorn's protocol with bounds.

    Args:
        patience: The bounds.
        count: Told the status of each refusal: no request that the application sees comes of it.

    Returns:
        A class for uvicorn's setting `http`.
    """

    class Bounded(_Bounded):
        bounds = patience
        count_refusal = staticmethod(count)

    return Bounded


class _Bounded(StrictHttp):
    bounds = Patience()
    count_refusal: Callable[[int], object]
    _head: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _deaf = False  # what comes is dropped
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        if len(self.connections) > self.bounds.connections:
            self._refuse(ProblemError(503, "Too many connections; try again later.", {"retry-after": "1"}))
            self.transport.close()
            return
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        if not self._deaf:
            super().data_received(data)
            self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        if not self._ending():
            self._unread = self.loop.call_later(self.bounds.unread_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread and not self._ending():
            self._unread.cancel()

    def closing(self) -> None:
        self._abort_later(self.bounds.unread_s)

    def _ending(self) -> bool:
        """Tell whether the last clock of the connection runs: nothing stops it any more."""
        return self._refused or self.transport.is_closing()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 -- uvicorn's signature
        cycle = self.cycle
        if cycle is not None and not cycle.more_body and not cycle.response_complete:
            # What is broken came behind a sound request: that one has its answer, and is the last.
            cycle.keep_alive, self._deaf = False, True
        elif cycle is not None and cycle.more_body and (self.pipeline or cycle.response_started):
            self.transport.abort()  # a second answer would be taken for another request's
        else:
            self._refuse(
                ProblemError(400, "This is not HTTP as RFC 9112 has it; send it by a library for HTTP.")
            )

    def _watch_head(self) -> None:
        """Run a clock while no request is being answered; it starts anew with each request alone."""
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering or self._deaf or self.transport.is_closing():
            if self._head:
                self._head.cancel()
            self._head = None
        elif self._head is None:
            self._head = self.loop.call_later(self.bounds.head_s, self._give_up)

    def _give_up(self) -> None:
        if self.cycle is not None or self.transport.is_closing():
            self.transport.abort()  # it has had its answer
        else:
            self._refuse(
                ProblemError(
                    408, f"The request did not arrive within {self.bounds.head_s:g} s; send it again."
                )
            )

    def _refuse(self, problem: ProblemError) -> None:
        if self.cycle:
            # Who still reads the body learns that its client has gone.
            self.cycle.disconnected = True
            self.cycle.waiting_for_100_continue = False
            self.cycle.message_event.set()
        asked = logs.take_id(None)
        logs.write(logging.INFO, "refused", request_id=asked, status=problem.status)
        self.count_refusal(problem.status)
        self.transport.write(raw(problem, asked))
        # A connection that is closed with bytes unread is reset, and the reason may be lost on its way: what
        # still comes is read and dropped for a while, until the client closes its side.
        self.transport.write_eof()
        self._deaf = self._refused = True
        self.flow.resume_reading()
        self._abort_later(min(self.bounds.head_s, self.bounds.unread_s))

    def _abort_later(self, seconds: float) -> None:
        """Close for good what the client leaves unread, or goes on sending."""
        self._cancel()
        self._unread = self.loop.call_later(seconds, self.transport.abort)

    def _cancel(self) -> None:
        for timer in (self._head, self._unread):
            if timer:
                timer.cancel()
