"""HTTP/1 as this service reads it: by llhttp, uvicorn's quicker parser, and less of it than that lets pass.

llhttp refuses on its own two lengths, a length beside chunks, bare line feeds and folded headers. It bounds
nothing, reads some requests whose end, or whose host, another reader could see elsewhere, and stops behind
the head of a request that offers another protocol, as Java's HTTP client does on each new connection.
"""

from __future__ import annotations

import asyncio

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from scanops.serving.corked import Corked

# Of a request's first line and headers together, and of anything else that is no body.
HEAD_BYTES = 64 * 1024
# What tells the length of a body.
FRAMING = frozenset({b"content-length", b"transfer-encoding"})
# Requests that one connection may send ahead of its answers.
AHEAD = 64


class BrokenRequestError(Exception):
    """A request that is not to be answered; the parser passes it on as an error of its own."""


class StrictHttp(HttpToolsProtocol):
    """uvicorn's protocol, with bounds on what it holds and one meaning for each request."""

    _in_head = False
    _reading_on = False
    _head_bytes = 0
    _loose_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin; see asyncio.Protocol."""
        super().connection_made(Corked(transport, self.closing))

    def closing(self) -> None:
        """Called when the connection was told to close; what is written already is still being sent."""

    def data_received(self, data: bytes) -> None:
        """Read what came, and end a client whose head, or what stands between chunks, has no end."""
        self._loose_bytes += len(data)
        self._unset_keepalive_if_required()
        try:
            while data:
                data = self._read(data)
            if self._loose_bytes > HEAD_BYTES:
                raise BrokenRequestError("no end in sight")
        except (httptools.HttpParserError, BrokenRequestError):
            self.send_400_response("")

    def _read(self, data: bytes) -> bytes:
        """Have the parser read; give what stands behind the head of an offer of another protocol."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._pass_over_offer()
            return data[offer.args[0] :]
        return b""

    def _pass_over_offer(self) -> None:
        """Go on with a new parser, that is told of the request as much as it needs to find its end."""
        framing = [b"%b: %b\r\n" % header for header in self.headers if header[0] in FRAMING]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
        self._reading_on = True
        self.parser.feed_data(b"".join([b"POST / HTTP/1.1\r\nHost: x\r\n", *framing, b"\r\n"]))
        self._reading_on = False

    def eof_received(self) -> None:
        """Close as asyncio would, where the closing is seen."""
        self.transport.close()

    def on_message_begin(self) -> None:
        """Begin a request; called by the parser, as all that follow."""
        if self._reading_on:
            return
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_url(self, url: bytes) -> None:
        """Take a part of the address."""
        if self._in_head:
            self._count(len(url))
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those that follow a body in chunks are not read."""
        if self._in_head:
            self._count(len(name) + len(value) + len(": \r\n"))
            super().on_header(name, value.rstrip(b" \t"))  # RFC 9110, 5.5: no part of the value

    def on_headers_complete(self) -> None:
        """Check the head, and have the request answered."""
        if self._reading_on:
            return
        self._in_head = False
        if len(self.pipeline) >= AHEAD:
            raise BrokenRequestError("too many requests at a time")
        self._require_one_meaning()
        address = httptools.parse_url(self.url)
        if address.schema and address.path is None:
            self.url = b"/" + (b"?" + address.query if address.query else b"")  # RFC 9110, 4.2.3
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._loose_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request, unless the parser took its body for another protocol's."""
        self._loose_bytes = 0
        bodies = self.parser.should_upgrade() and any(name in FRAMING for name, _ in self.headers)
        if not bodies:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Send what is left of an answer; called by uvicorn."""
        self.transport.write(b"")
        super().on_response_complete()

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > HEAD_BYTES:
            raise BrokenRequestError("the head is too large")

    def _require_one_meaning(self) -> None:
        version = self.parser.get_http_version()
        if version not in {"1.0", "1.1"}:
            raise BrokenRequestError("neither HTTP/1.0 nor HTTP/1.1")
        names = [name for name, _ in self.headers]
        # RFC 9112, 3.2: one of them, and a request without is an error.
        if names.count(b"host") > 1 or (version == "1.1" and b"host" not in names):
            raise BrokenRequestError("no host, or two")
        # RFC 9112, 6.1: HTTP/1.0 knows no chunks, and whatever passed such a request on may have read none.
        codings = [value for name, value in self.headers if name == b"transfer-encoding"]
        if codings and (version == "1.0" or [one.strip().lower() for one in codings] != [b"chunked"]):
            raise BrokenRequestError("a body in a coding that is not read here")
