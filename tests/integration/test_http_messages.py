"""What good clients and gateways may send over one connection, to a real process."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import IO

import pytest

from tests.bundles import make_bundle
from tests.hostile_requests import CHUNKED, FORM, GOOD, POST, SIDE, V2
from tests.served import Served, serve

pytestmark = pytest.mark.xdist_group("service")
BODY = FORM + GOOD + b"\r\n--b--\r\n"
WHOLE = POST + b"Content-Length: %d\r\n" % len(BODY)
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Run one service for all tests here."""
    folder = tmp_path_factory.mktemp("served")
    with serve(make_bundle(folder / "bundle", size_px=SIDE), folder) as served:
        yield served


def answer(connection: socket.socket, method: str = "GET") -> tuple[HTTPResponse, bytes]:
    """Read one answer."""
    response = HTTPResponse(connection, method=method)
    response.begin()
    return response, response.read()


def answer_in(stream: IO[bytes]) -> tuple[int, dict[str, str]]:
    """Read one answer of several; give its status and headers."""
    first, *lines = b"".join(iter(stream.readline, b"\r\n")).decode().lower().splitlines()
    headers = dict(line.split(": ", 1) for line in lines)
    stream.read(int(headers["content-length"]))
    return int(first.split()[1]), headers


def test_one_connection_serves_many_requests(served: Served) -> None:
    """Of forms and of probes, one after the other."""
    with served.connect() as connection:
        for _ in range(3):
            connection.sendall(WHOLE + b"\r\n" + BODY)
            response, body = answer(connection)
            assert (response.status, len(json.loads(body)["files"])) == (200, 1)
            connection.sendall(GET + b"\r\n")
            assert answer(connection)[0].status == 200


def test_requests_sent_ahead_are_answered_in_their_order(served: Served) -> None:
    """A slow one first does not let those behind it pass."""
    asked = [b"%032x" % number for number in range(20)]
    lines = [b"X-Request-Id: " + one + b"\r\n\r\n" for one in asked]
    sent = b"".join(WHOLE + line + BODY if n % 2 == 0 else GET + line for n, line in enumerate(lines))
    with served.connect() as connection, connection.makefile("rb") as stream:
        connection.sendall(sent)
        given = [answer_in(stream)[1]["x-request-id"].encode() for _ in asked]
    assert given == asked


def test_thousands_sent_ahead_end_the_connection(served: Served) -> None:
    """What one client may have waiting is bounded; the service goes on."""
    with served.connect() as connection:
        connection.sendall(WHOLE + b"\r\n" + BODY + (GET + b"\r\n") * 5_000)
        received = 0
        try:
            while data := connection.recv(65_536):
                received += data.count(b"HTTP/1.1 200")
        except ConnectionError:
            pass
    assert received < 5_000
    with served.client() as client:
        assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "behind", [b"\x16\x03", b"GET /\r\n\r\n", GET + b"a\r\n"], ids=["TLS", "0.9", "no colon"]
)
def test_what_is_broken_behind_a_request_takes_no_answer_from_it(served: Served, behind: bytes) -> None:
    """The sound one is answered, those before it too, and the connection ends."""
    with served.connect() as connection, connection.makefile("rb") as stream:
        connection.sendall(GET + b"\r\n" + WHOLE + b"\r\n" + BODY + behind)
        assert [answer_in(stream)[0] for _ in range(2)] == [200, 200]
        assert stream.read() == b""


def test_one_request_has_one_answer(served: Served) -> None:
    """What breaks behind an early refusal gets none of its own: it would be the next request's."""
    early = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n" + CHUNKED + b"2\r\n{}\r\n"
    with served.connect() as connection, connection.makefile("rb") as stream:
        connection.sendall(early)
        assert answer_in(stream)[0] == 415
        with contextlib.suppress(ConnectionError):
            connection.sendall(b"zz\r\n")
            assert stream.read() == b""


def test_blanks_behind_a_header_are_no_part_of_it(served: Served) -> None:
    """RFC 9110, 5.5."""
    with served.connect() as connection, connection.makefile("rb") as stream:
        connection.sendall(GET + b"X-Request-Id: " + b"a" * 32 + b" \t\r\n\r\n")
        assert answer_in(stream)[1]["x-request-id"] == "a" * 32


def test_a_head_alone_is_sent_at_once(served: Served) -> None:
    """HEAD has no body to wait for."""
    with served.connect() as connection:
        for _ in range(2):
            connection.sendall(GET.replace(b"GET", b"HEAD") + b"\r\n")
            response, body = answer(connection, "HEAD")
            assert (response.status, body) == (405, b"")


def test_a_body_is_sent_when_it_is_asked_for(served: Served) -> None:
    """Curl waits for `100 Continue` before it sends a larger one."""
    with served.connect() as connection:
        connection.sendall(WHOLE + b"Expect: 100-continue\r\n\r\n")
        assert connection.recv(1024) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        assert answer(connection)[0].status == 200


def test_an_offer_of_http_2_is_passed_over(served: Served) -> None:
    """Java's client makes it with each first request, also with a body: the answer is HTTP/1.1."""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n\r\n"
    with served.connect() as connection, connection.makefile("rb") as stream:
        connection.sendall(WHOLE + offer + BODY[:1000])
        connection.sendall(BODY[1000:] + WHOLE + offer + BODY)
        assert [answer_in(stream)[0] for _ in range(2)] == [200, 200]
        connection.sendall(GET + offer + GET + b"\r\n")
        assert [answer_in(stream)[0] for _ in range(2)] == [200, 200]
        connection.sendall(GET + offer + GET + b"Connection: close\r\n\r\n" + b"rubbish")
        assert [answer_in(stream)[0] for _ in range(2)] == [200, 200]
        assert stream.read() == b""


def test_headers_after_a_body_change_nothing(served: Served) -> None:
    """A request's id, or its token, comes before its body or not at all."""
    made = b"Content-Type: multipart/form-data; boundary=b\r\n"
    chunks = b"%x\r\n" % len(BODY) + BODY + b"\r\n0\r\nX-Request-Id: " + b"a" * 32 + b"\r\n\r\n"
    with served.connect() as connection:
        connection.sendall(POST.replace(made, made + CHUNKED[:-2] + b"\r\n") + chunks)
        response, _ = answer(connection)
        assert response.status == 200
        assert response.getheader("x-request-id") != "a" * 32


@pytest.mark.parametrize("address", [b"http://x/healthz", b"http://x", b"http://x?a=b"])
def test_a_whole_address_is_understood(served: Served, address: bytes) -> None:
    """RFC 9112, 3.2.2: a server takes the absolute form too, and RFC 9110, 4.2.3: no path is the root."""
    with served.connect() as connection:
        connection.sendall(GET.replace(b"/healthz", address) + b"\r\n")
        assert answer(connection)[0].status == 200


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
def test_who_asks_for_the_end_gets_it(served: Served, version: bytes) -> None:
    """`Connection: close`, and HTTP/1.0 without more, end the connection after the answer."""
    with served.connect() as connection:
        connection.sendall(GET.replace(b"HTTP/1.1", version) + b"Connection: close\r\n\r\n")
        assert answer(connection)[0].status == 200
        assert connection.recv(10) == b""


def test_json_in_chunks_is_read(served: Served) -> None:
    """A length need not be told beforehand."""
    with served.connect() as connection:
        connection.sendall(V2 + CHUNKED + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")
        assert answer(connection)[0].status == 400  # no inputs, and understood as far as that
