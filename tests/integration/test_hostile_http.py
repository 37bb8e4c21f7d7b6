"""Bad input over HTTP, to a real process: a 4xx in our form, in bounded time and memory, and it serves on."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.bundles import make_bundle
from tests.hostile_requests import (
    BROKEN,
    CHUNKED,
    FORM,
    GOOD,
    HOSTILE,
    JSON,
    MALFORMED,
    ODD,
    ODD_NAMES,
    POST,
    SIDE,
    TENSORS,
    V2,
)
from tests.patience import PATIENCE_S
from tests.served import Served, exchange, serve

pytestmark = pytest.mark.xdist_group("service")
HEAD_S, BODY_S = 2.0, 5.0
# Threads, the graph and a 25 million pixels' decoding fit in it; two of such side by side would not.
PEAK_MIB = 900


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Run one service for all tests here, impatient so that they need not wait, and hold it to its memory."""
    folder = tmp_path_factory.mktemp("served")
    flags = ("--head-seconds", str(HEAD_S), "--body-seconds", str(BODY_S), "--connections", "60")
    with serve(make_bundle(folder / "bundle", size_px=SIDE), folder, *flags) as served:
        yield served
        assert served.process.poll() is None
        assert served.peak_mib() < PEAK_MIB
        assert not [
            line for line in served.lines() if line["event"] in {"error", "library"} and "type" in line
        ]


@pytest.fixture(autouse=True)
def _serves_on(served: Served) -> Iterator[None]:
    """After each test the next request is answered; 408 may be a starved machine's, and is asked again."""
    yield
    deadline = time.monotonic() + PATIENCE_S
    with served.client() as client:
        while (status := client.post("/v1/predict", files={"files": ("f", GOOD)}).status_code) == 408:
            assert time.monotonic() < deadline
    assert status == 200


def is_problem(status: int, headers: dict[str, str] | httpx.Headers, body: bytes) -> int:
    """Hold an answer to RFC 9457, and give its status."""
    told = json.loads(body)
    assert headers["content-type"] == "application/problem+json"
    assert told["status"] == status
    assert told["type"] == "about:blank"
    assert {"title", "detail"} <= set(told)
    assert told["request_id"] == headers["x-request-id"]
    return status


def refused(response: httpx.Response) -> int:
    """Hold an answer to be a client's fault in our form, and give its status."""
    assert 400 <= response.status_code < 500, response.text
    return is_problem(response.status_code, response.headers, response.content)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_and_spoils_nothing(served: Served, name: str) -> None:
    """Alone it is a problem that says why; beside a good one, the good one is answered."""
    data = HOSTILE[name]
    with served.client() as client:
        alone = client.post("/v1/predict", files={"files": ("f", data)})
        assert refused(alone) in {413, 422}
        assert alone.json()["files"][0]["error"]["detail"]
        both = client.post("/v1/predict", files=[("files", ("f", data)), ("files", ("f", GOOD))])
        assert both.status_code == 200
        assert [answer["error"] is None for answer in both.json()["files"]] == [False, True]


@pytest.mark.parametrize("name", ODD)
def test_an_odd_file_is_answered(served: Served, name: str) -> None:
    """What is rare and sound has its answer."""
    with served.client() as client:
        answer = client.post("/v1/predict", files={"files": ("f", ODD[name])})
    assert answer.status_code == 200, answer.text
    assert answer.json()["files"][0]["error"] is None


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_file_name_is_nothing_to_the_service(served: Served, name: str) -> None:
    """Whatever the name is, the file is answered, and neither answer nor log repeats it."""
    head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="' + ODD_NAMES[name] + b'"\r\n\r\n'
    headers = {"content-type": "multipart/form-data; boundary=b"}
    with served.client() as client:
        answer = client.post("/v1/predict", content=head + GOOD + b"\r\n--b--\r\n", headers=headers)
    assert answer.status_code == 200, answer.text
    served.await_lines({answer.headers["x-request-id"]})
    assert b"DOE" not in answer.content + served.log.read_bytes()


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_is_told_what_is_wrong(served: Served, name: str) -> None:
    """Each has its own status, and problem details."""
    status, request = MALFORMED[name]
    with served.client() as client:
        assert refused(client.post("/v1/predict", **request)) == status


@pytest.mark.parametrize("name", TENSORS)
def test_a_malformed_tensor_is_400(served: Served, name: str) -> None:
    """The protocol's own member `error` says what is wrong, beside ours."""
    with served.client() as client:
        response = client.post("/v2/models/scanops/infer", json=TENSORS[name])
    assert refused(response) == 400
    assert response.json()["error"] == response.json()["detail"]


@pytest.mark.parametrize("name", JSON)
def test_hostile_json_is_refused(served: Served, name: str) -> None:
    """Neither depth nor length nor half of a character brings the reader down."""
    with served.client() as client:
        headers = {"content-type": "application/json"}
        response = client.post("/v2/models/scanops/infer", content=JSON[name], headers=headers)
        assert refused(response) == (413 if len(JSON[name]) > 4 << 20 else 400)


@pytest.mark.parametrize(
    ("told", "body", "status"),
    [
        ("x", b"", 400),
        ("-1", b"", 400),
        ("99999999999999999999", b"", 400),
        ("100", b"{}", 400),
        ("2", b"{}" + b"x" * 100, 400),
    ],
)
def test_hostile_binary_data_are_refused(served: Served, told: str, body: bytes, status: int) -> None:
    """The extension's header is held against the body."""
    headers = {"content-type": "application/octet-stream", "inference-header-content-length": told}
    with served.client() as client:
        response = client.post("/v2/models/scanops/infer", content=body, headers=headers)
    assert refused(response) == status


@pytest.mark.parametrize("head", [POST, V2], ids=["form", "tensor"])
def test_a_body_of_100_mb_is_refused_before_it_is_sent(served: Served, head: bytes) -> None:
    """Its declared length is enough."""
    with served.connect() as connection:
        answer = exchange(connection, head + b"Content-Length: 100000000\r\n\r\n", FORM)
    assert is_problem(*answer) == 413


@pytest.mark.parametrize("head", [POST, V2], ids=["form", "tensor"])
def test_a_body_of_100_mb_in_chunks_is_refused_on_its_way(served: Served, head: bytes) -> None:
    """Without a length it is counted as it comes."""
    piece = b"100000\r\n" + b"x" * (1 << 20) + b"\r\n"
    with served.connect() as connection:
        answer = exchange(connection, head + CHUNKED, b"%x\r\n" % len(FORM) + FORM + b"\r\n", *[piece] * 96)
    assert answer[0] == 0 or is_problem(*answer) == 413


def test_who_sends_nothing_is_let_go(served: Served) -> None:
    """An open connection without a request ends, with a problem."""
    with served.connect() as connection:
        assert is_problem(*exchange(connection)) == 408


def test_a_head_that_drips_is_let_go(served: Served) -> None:
    """Each byte in time does not make the whole in time."""
    with served.connect() as connection:
        connection.settimeout(0.1)
        began, data = time.monotonic(), b""
        connection.sendall(b"GET / HTTP/1.1\r\n")
        while not data:
            assert time.monotonic() < began + PATIENCE_S
            with contextlib.suppress(TimeoutError):
                data = connection.recv(4096)
            if not data:
                connection.sendall(b"a: b\r\n")
    assert b"408" in data.splitlines()[0]


@pytest.mark.parametrize("head", [POST, V2], ids=["form", "tensor"])
def test_a_body_that_does_not_come_is_let_go(served: Served, head: bytes) -> None:
    """The time for a body ends."""
    with served.connect() as connection:
        assert is_problem(*exchange(connection, head + b"Content-Length: 5000\r\n\r\n", FORM)) == 408


def test_a_body_that_nobody_wants_is_not_read_for_ever(served: Served) -> None:
    """Who has had an answer and still sends is cut off."""
    with served.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        deadline = time.monotonic() + PATIENCE_S
        with contextlib.suppress(ConnectionError):
            while True:
                assert time.monotonic() < deadline
                connection.sendall(b"x")
                time.sleep(0.05)


def test_fifty_silent_connections_keep_nobody_waiting(served: Served) -> None:
    """Slow clients take no thread: others are served meanwhile."""
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(served.connect()).sendall(POST)
        with served.client() as client:
            assert client.post("/v1/predict", files={"files": ("f", GOOD)}).status_code == 200


def test_connections_beyond_the_bound_are_turned_away(served: Served) -> None:
    """Memory for connections is bounded; the ones that were turned away are told to come back."""
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(served.connect()) for _ in range(61)]
        status, headers, body = exchange(opened[-1])
        assert is_problem(status, headers, body) == 503
        assert headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        POST + b"Content-Length: 5000\r\n\r\n" + FORM,
        V2 + CHUNKED + b"5\r\n",
        POST + b"Content-Length: %d\r\n\r\n" % (len(FORM + GOOD) + 9) + FORM + GOOD + b"\r\n--b--\r\n",
    ],
    ids=["nothing", "half a word", "half a head", "half a form", "half a chunk", "all"],
)
def test_who_leaves_early_leaves_nothing(served: Served, sent: bytes) -> None:
    """A client may go at any time; that is no error of ours."""
    for _ in range(5):
        with served.connect() as connection:
            connection.sendall(sent)
    with served.connect() as connection:  # and one that resets instead of closing
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(sent)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_http_is_told_and_closed(served: Served, name: str) -> None:
    """What no server can understand gets 400 in our form, and its connection ends."""
    with served.connect() as connection:
        status, headers, body = exchange(connection, BROKEN[name])
        assert is_problem(status, headers, body) == 400
        assert headers["connection"] == "close"
        with contextlib.suppress(ConnectionError):
            assert connection.recv(10) == b""
    served.await_lines({headers["x-request-id"]})
    with served.client() as client:
        assert 'scanops_requests_total{route="connection",status="400"}' in client.get("/metrics").text


def test_two_framings_smuggle_nothing(served: Served) -> None:
    """Length and chunks at once: what follows the chunks is never a request of its own (RFC 9112, 6.3).

    The client keeps its side open: nothing but the service ends the connection.
    """
    smuggled = b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n"
    sent = V2 + b"Content-Length: 4\r\n" + CHUNKED + b"0\r\n\r\n" + smuggled
    with served.connect() as connection:
        connection.sendall(sent)
        received = b""
        with contextlib.suppress(ConnectionError):
            while data := connection.recv(65_536):
                received += data
    assert received.startswith(b"HTTP/1.1 400")
    assert received.count(b"HTTP/1.1") == 1
    assert b"git_sha" not in received


def test_no_log_line_holds_what_was_sent(served: Served) -> None:
    """Names in paths, queries, headers and forms stay out of the log; the id of the request is in it."""
    asked = "0123456789abcdef"
    name = "doe_jane"
    with served.client(headers={"x-request-id": asked, "x-patient": name, "user-agent": name}) as client:
        answer = client.post(f"/v1/predict?patient={name}", files={"files": (f"{name}.png", b"x")})
        assert answer.headers["x-request-id"] == answer.json()["request_id"] == asked
        made = client.get(f"/scans/{name}", headers={"x-request-id": name}).headers["x-request-id"]
        assert name not in made
    served.await_lines({asked, made})
    assert name not in served.log.read_text(encoding="utf-8")
