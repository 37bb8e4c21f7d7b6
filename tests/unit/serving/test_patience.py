"""No connection stays for ever because its client does not read: each that is to end has a clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from scanops.serving.patience import Patience, bounded
from scanops.serving.strict_http import StrictHttp
from tests.patience import PATIENCE_S

SOON_S = 0.02
GET = b"GET / HTTP/1.1\r\nHost: x\r\n"


class Unread(asyncio.Transport):
    """A connection whose client reads nothing (in place of a socket's): it never gets as far as closing."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = bytearray()
        self.closing = False
        self.aborted = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.sent += data

    def write_eof(self) -> None:
        """Nothing comes after what was written."""

    def close(self) -> None:
        """Close once all is read."""
        self.closing = True

    def abort(self) -> None:
        """Remember that it was ended."""
        self.aborted.set()

    def is_closing(self) -> bool:
        """Tell whether it was told to close."""
        return self.closing

    def pause_reading(self) -> None:
        """Nothing is read here."""

    def resume_reading(self) -> None:
        """Nothing is read here."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ARG002 -- asyncio's signature
        """Know nothing."""
        return default


async def app(_scope: Any, _receive: Any, send: Any) -> None:
    """Answer anything."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def connect(transport: Unread, count: Callable[[int], object] = lambda _status: None) -> StrictHttp:
    """Begin a connection."""
    made = bounded(Patience(head_s=PATIENCE_S, unread_s=SOON_S), count)
    protocol = made(Config(app, timeout_keep_alive=0), ServerState(), {})
    protocol.connection_made(transport)
    return protocol


async def ended(transport: Unread) -> None:
    """Wait until the connection was ended for good."""
    await asyncio.wait_for(transport.aborted.wait(), PATIENCE_S)


@pytest.mark.parametrize("asked", [GET + b"Connection: close\r\n\r\n", GET + b"\r\n"], ids=["close", "idle"])
def test_an_answer_that_is_not_read_is_given_up(asked: bytes) -> None:
    """Whether client or time ends the connection, and though a little of it is read."""

    async def serve() -> None:
        transport = Unread()
        protocol = connect(transport)
        protocol.data_received(asked)
        while not transport.closing:
            await asyncio.sleep(0)
        protocol.pause_writing()
        protocol.resume_writing()
        await ended(transport)
        assert transport.sent.endswith(b"ok")

    asyncio.run(serve())


def test_a_refusal_that_is_not_read_is_given_up() -> None:
    """Reading a little of what came before it does not stop the clock."""

    async def serve() -> None:
        transport = Unread()
        protocol = connect(transport)
        protocol.pause_writing()
        protocol.data_received(b"\x16\x03\x01")
        protocol.resume_writing()
        assert transport.sent.startswith(b"HTTP/1.1 400")
        await ended(transport)

    asyncio.run(serve())


def test_a_refusal_leaves_a_trace(caplog: pytest.LogCaptureFixture) -> None:
    """What no route ever sees is counted and logged, under the id that the client is told."""
    counted: list[int] = []

    async def serve() -> bytes:
        transport = Unread()
        connect(transport, counted.append).data_received(b"\x16\x03\x01")
        await ended(transport)
        return bytes(transport.sent)

    with caplog.at_level("INFO", logger="scanops.serving"):
        head, _, body = asyncio.run(serve()).partition(b"\r\n\r\n")
    told = json.loads(caplog.messages[-1])
    assert (told["event"], told["status"], counted) == ("refused", 400, [400])
    assert json.loads(body)["request_id"] == told["request_id"]
    assert f"x-request-id: {told['request_id']}".encode() in head


def test_a_client_that_ends_its_side_is_given_up() -> None:
    """What it has not read by then need not be kept."""

    async def serve() -> None:
        transport = Unread()
        connect(transport).eof_received()
        await ended(transport)

    asyncio.run(serve())


def test_who_reads_in_time_is_left_alone() -> None:
    """The clock of a full buffer stops when it has emptied."""

    async def serve() -> None:
        transport = Unread()
        protocol = connect(transport)
        protocol.pause_writing()
        protocol.resume_writing()
        await asyncio.sleep(3 * SOON_S)
        assert not transport.aborted.is_set()
        protocol.connection_lost(None)

    asyncio.run(serve())
