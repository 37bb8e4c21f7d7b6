"""Predictions by URL: from a real host on this machine, which the list has to name."""

from __future__ import annotations

import http.server
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from scanops.serving import fetch
from scanops.serving.addresses import AllowList
from scanops.serving.app import create_app
from scanops.serving.limits import Limits
from scanops.serving.options import Options
from scanops.serving.routes import predict_url
from tests import served
from tests.bundles import make_bundle
from tests.conftest import require_part
from tests.pictures import encode, noise

PICTURE = encode(noise(1))
SMALL = Limits(file_bytes=100_000)


class Host(http.server.BaseHTTPRequestHandler):
    """Gives a picture, or misbehaves, as the path says; keeps what it was asked with."""

    asked: list[dict[str, str]] = []  # noqa: RUF012 -- one for all requests is meant

    def do_GET(self) -> None:
        """Answer."""
        self.asked.append({name.lower(): value for name, value in self.headers.items()})
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("location", "http://169.254.169.254/latest/meta-data/")
            self.end_headers()
        elif self.path == "/gone":
            self.send_error(404)
        elif self.path == "/large":
            self._send(b"", 10**9)
        elif self.path == "/endless":
            self._send(b"", None)
            while True:
                try:
                    self.wfile.write(bytes(65_536))
                except OSError:
                    return
        elif self.path == "/slow":
            for _ in range(100):
                self.wfile.write(b"H")
                time.sleep(0.1)
        elif self.path == "/broken":
            self.wfile.write(b"\x00\x01 no HTTP\r\n\r\n")
        else:
            self._send(PICTURE, len(PICTURE))

    def _send(self, body: bytes, length: int | None) -> None:
        self.send_response(200)
        if length is not None:
            self.send_header("content-length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def host() -> Iterator[int]:
    """Run the host, and give its port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one bundle for all tests here."""
    return make_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def client(bundle: Path, host: int) -> Iterator[TestClient]:
    """Give a ready service that may ask the host by its address, and a name that leads to loopback."""
    allowed = AllowList(f"http://127.0.0.1:{host}, http://localhost:{host}, http://127.0.0.1:9")
    yield from ready(bundle, allowed)


def ready(bundle: Path, allowed: AllowList) -> Iterator[TestClient]:
    """Give a ready service."""
    yield from served.ready(create_app(bundle, SMALL, Options(url_hosts=allowed)))


def ask(client: TestClient, url: str) -> httpx.Response:
    """Ask for a prediction."""
    return client.post("/v1/predict-url", json={"url": url}, headers={"x-patient": "doe", "cookie": "a=b"})


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_fetched_picture_is_answered_as_a_sent_one(client: TestClient, host: int, name: str) -> None:
    """The same answer; nothing of the client's request goes on to the host."""
    response = ask(client, f"http://{name}:{host}/scan.png?series=1")
    assert response.status_code == 200, response.text
    sent = client.post("/v1/predict", files={"files": ("f", PICTURE)})
    assert response.json()["files"] == sent.json()["files"]
    assert set(Host.asked[-1]) == {"host", "accept-encoding", "user-agent"}


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/moved", 422, "redirects, which is not followed"),
        ("/gone", 422, "status 404"),
        ("/large", 413, "larger than"),
        ("/endless", 413, "larger than"),
        ("/broken", 422, "could not be asked"),
    ],
)
def test_a_host_that_misbehaves_is_told(
    client: TestClient, host: int, path: str, status: int, said: str
) -> None:
    """In bounded memory, and without following anything."""
    before = len(Host.asked)
    response = ask(client, f"http://127.0.0.1:{host}{path}")
    assert response.status_code == status
    assert said in response.json()["detail"]
    assert len(Host.asked) == before + 1


def test_a_host_that_drips_is_left(client: TestClient, host: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is for the whole, not for each byte."""
    monkeypatch.setattr(predict_url, "TIMEOUT_S", 0.5)
    response = ask(client, f"http://127.0.0.1:{host}/slow")
    assert "within 0.5 s" in response.json()["detail"]  # the host would have ended after 10 s


def test_a_host_that_is_not_there_is_told(client: TestClient) -> None:
    """No 5xx for somebody else's fault."""
    assert ask(client, "http://127.0.0.1:9/").status_code == 422


def test_what_is_fetched_takes_room(bundle: Path, host: int) -> None:
    """Its bytes count with those of all bodies; nothing stays counted."""
    small = replace(SMALL, bodies_bytes=len(PICTURE))
    app = create_app(bundle, small, Options(url_hosts=AllowList(f"http://127.0.0.1:{host}")))
    for client in served.ready(app):
        response = ask(client, f"http://127.0.0.1:{host}/scan.png")
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert app.state.service.room.body_bytes == 0


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{}", "application/json", 400),
        (b'{"url": 5}', "application/json", 400),
        (b'{"url": "x"}', "application/json", 403),
        (b"url=x", "application/x-www-form-urlencoded", 415),
        (b" " * 20_000, "application/json", 413),
    ],
)
def test_a_malformed_request_is_a_problem(
    client: TestClient, content: bytes, content_type: str, status: int
) -> None:
    """Its own status each."""
    response = client.post("/v1/predict-url", content=content, headers={"content-type": content_type})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


def test_a_listed_name_that_leads_inside_is_not_asked(bundle: Path, host: int) -> None:
    """A name on the list is no leave to ask this machine: the address has to be named as well."""
    for client in ready(bundle, AllowList(f"http://localhost:{host}")):
        before = len(Host.asked)
        response = ask(client, f"http://localhost:{host}/scan.png")
        assert response.status_code == 403
        assert "at an address" in response.json()["detail"]
        assert len(Host.asked) == before


def test_it_is_off_by_default(bundle: Path) -> None:
    """No address answers, whatever is asked."""
    client = TestClient(create_app(bundle))
    assert ask(client, "https://images.example.org/").status_code == 404


class IPv6(http.server.ThreadingHTTPServer):
    """A host at an address of IPv6."""

    address_family = socket.AF_INET6


@pytest.mark.parametrize(
    ("place", "called", "other"),
    [(("127.0.0.1", 0), "localhost", "127.0.0.1"), (("::1", 0), "[::1]", "localhost")],
    ids=["name", "IPv6"],
)
def test_tls_is_held_to_what_was_asked_for(
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: tuple[str, int],
    called: str,
    other: str,
) -> None:
    """It goes to the checked address; the certificate is that name's or address', from a known authority."""
    require_part(shutil.which("openssl"), "no openssl on the PATH")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    curve, name = (
        ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        "subjectAltName=" + ("IP:::1" if ":" in called else f"DNS:{called}"),
    )
    command = ["openssl", "req", "-x509", "-nodes", "-days", "1", *curve, "-subj", "/CN=localhost"]
    command += ["-addext", name, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    kind = IPv6 if ":" in called else http.server.ThreadingHTTPServer
    with kind(place, Host) as server:
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_port
        allowed = AllowList(f"localhost:{port}, 127.0.0.1:{port}, [::1]:{port}")
        for client in ready(bundle, allowed):
            fetch._authorities.cache_clear()
            url = f"https://{called}:{port}/scan.png"
            assert ask(client, url).status_code == 422  # from nobody known
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            fetch._authorities.cache_clear()
            assert ask(client, url).status_code == 200
            assert ask(client, f"https://{other}:{port}/scan.png").status_code == 422  # another's name
        server.shutdown()
    fetch._authorities.cache_clear()


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("https://h.org/x", "h.org"),
        ("https://h.org:443/x", "h.org"),
        ("http://h.org:443/x", "h.org:443"),
        ("https://h.org:80/x", "h.org:80"),
        ("http://[2a00::1]:8080/x", "[2a00::1]:8080"),
        ("https://[2a00::1]/x", "[2a00::1]"),
    ],
)
def test_the_host_is_named_with_its_port_unless_it_is_the_scheme_s(url: str, header: str) -> None:
    """A host that serves several names finds the right one."""
    place = AllowList(url.removesuffix("/x")).require(url)
    assert fetch.host_header(place) == header


def test_a_name_is_looked_up_once(client: TestClient, host: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads elsewhere at the second look (rebinding) is never looked at again."""
    looked = 0
    real = socket.getaddrinfo

    def counted(name: str, *arguments: object, **options: object) -> object:
        nonlocal looked
        looked += name == "localhost"
        return real(name, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", counted)
    assert ask(client, f"http://localhost:{host}/scan.png").status_code == 200
    assert looked == 1
