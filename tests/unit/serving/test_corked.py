"""Head and body of an answer leave in one piece, and nothing that was written is lost or out of order."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from scanops.serving.corked import Corked

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class Recorded(asyncio.Transport):
    """Keeps what it is told to send (in place of a socket's transport)."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        assert not self.closed
        self.sent.append(bytes(data))

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True


def test_a_head_waits_for_its_body() -> None:
    """One write each would be a packet each."""
    under = Recorded()
    transport = Corked(under, lambda: None)
    transport.write(HEAD)
    assert under.sent == []
    transport.write(b"body")
    transport.write(b"more")
    assert under.sent == [HEAD + b"body", b"more"]


def test_an_interim_answer_is_sent_at_once() -> None:
    """Who waits for `100 Continue` sends nothing before it."""
    under = Recorded()
    Corked(under, lambda: None).write(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert under.sent == [b"HTTP/1.1 100 Continue\r\n\r\n"]


@given(
    st.lists(
        st.sampled_from([HEAD, b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 ", b"x", b"", bytearray(b"y")])
    )
)
def test_all_of_it_is_sent_in_order(parts: list[bytes]) -> None:
    """Whatever is written, all of it has been sent when the transport is closed."""
    under = Recorded()
    transport = Corked(under, lambda: None)
    for part in parts:
        transport.write(part)
    transport.close()
    assert b"".join(under.sent) == b"".join(parts)
    assert under.closed
