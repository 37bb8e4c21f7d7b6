"""How much one process takes in at a time; who comes on top is told to come again, and costs nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator

from scanops.serving.limits import Limits
from scanops.serving.problems import ProblemError

RETRY_AFTER_S = 1


class Room:
    """Counts what is inside: requests, the bytes of their bodies, and pictures on their way to an answer.

    Args:
        limits: How much of each there may be.

    Attributes:
        requests: Requests being read or answered.
        body_bytes: Bytes of their bodies that are in memory.
        pictures: Pictures taken in and not yet answered.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.requests = 0
        self.body_bytes = 0
        self.pictures = 0

    @contextlib.contextmanager
    def hold_request(self) -> Iterator[RequestRoom]:
        """Take in a request, before its body is read.

        Yields:
            Its part of the room.

        Raises:
            ProblemError: 503, there are as many as may be.
        """
        if self.requests >= self._limits.requests or self.pictures >= self._limits.queue:
            raise _full()
        self.requests += 1
        held = RequestRoom(self, self._limits)
        try:
            yield held
        finally:
            self.requests -= 1
            held.release_bytes()

    @contextlib.contextmanager
    def hold_pictures(self, count: int) -> Iterator[None]:
        """Take in the pictures of a request.

        Args:
            count: How many; a request alone is always taken in.

        Raises:
            ProblemError: 503, they are more than may wait.
        """
        if self.pictures and self.pictures + count > self._limits.queue:
            raise _full()
        self.pictures += count
        try:
            yield
        finally:
            self.pictures -= count


class RequestRoom:
    """The part of the room that one request takes.

    Args:
        room: The whole.
        limits: How much there may be.
    """

    def __init__(self, room: Room, limits: Limits) -> None:
        self._room, self._limits, self._bytes = room, limits, 0

    async def metered(self, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Count a body as it arrives.

        Args:
            stream: The body.

        Yields:
            The same.

        Raises:
            ProblemError: 503, the bodies of all requests together hold more than may be in memory.
        """
        async for chunk in stream:
            self._bytes += len(chunk)
            self._room.body_bytes += len(chunk)
            if self._room.body_bytes > self._limits.bodies_bytes:
                raise _full()
            yield chunk

    def release_bytes(self) -> None:
        """Give back what the body took, once it is out of memory."""
        self._room.body_bytes -= self._bytes
        self._bytes = 0


def _full() -> ProblemError:
    detail = f"The service has as much to do as it may hold; try again in {RETRY_AFTER_S} s."
    return ProblemError(503, detail, {"retry-after": str(RETRY_AFTER_S)})
