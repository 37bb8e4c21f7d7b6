"""The service as a process of its own, as a container runs it, and connections to it that do as they like."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from tests.patience import PATIENCE_S, until
from tests.ports import free_port

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

ROOT = Path(__file__).parents[1]


@dataclass
class Served:
    """A running service.

    Attributes:
        process: Its process.
        port: Where it listens on 127.0.0.1.
        log: File that holds its log.
    """

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        """The address without a path."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, **options: Any) -> httpx.Client:
        """Give a client that no proxy of the environment comes between."""
        return httpx.Client(base_url=self.url, trust_env=False, timeout=PATIENCE_S, **options)

    def connect(self) -> socket.socket:
        """Open a connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)

    def peak_mib(self) -> float:
        """Give the most memory that it has held at once."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1024

    def lines(self) -> list[dict[str, Any]]:
        """Give its log so far; a line that is no JSON object is an error."""
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    def await_lines(self, request_ids: set[str]) -> None:
        """Wait until its log tells of requests: a line is written after its answer was sent."""
        until(
            lambda: request_ids <= {line.get("request_id") for line in self.lines()},
            lambda: f"no log line of {request_ids}",
        )


@contextlib.contextmanager
def serve(bundle: Path, folder: Path, *flags: str, **env: str) -> Iterator[Served]:
    """Run the service until the block ends.

    Args:
        bundle: What it serves.
        folder: Where its log goes.
        *flags: Further flags.
        **env: Further variables.
    """
    port = free_port()
    command = [sys.executable, "-m", "scanops.serving", "--bundle", str(bundle), "--port", str(port), *flags]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **env}
    log = folder / f"service-{port}.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT) as process,
    ):
        try:
            served = Served(process, port, log)
            _wait_ready(served)
            yield served
        finally:
            process.terminate()


def exchange(connection: socket.socket, *parts: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes, and read an answer up to the end of the connection.

    Args:
        connection: Open.
        *parts: One after the other; whatever the service does not want any more is not an error.

    Returns:
        Status, headers in lower case and body; 0, nothing and nothing where it was closed without an answer.
    """
    received = bytearray()
    with contextlib.suppress(ConnectionError, BrokenPipeError):
        for part in parts:
            connection.sendall(part)
    with contextlib.suppress(ConnectionError):
        while not _whole(received) and (data := connection.recv(65_536)):
            received += data
    head, _, body = bytes(received).partition(b"\r\n\r\n")
    if not head:
        return 0, {}, b""
    first, *lines = head.decode("latin1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(first.split()[1]), headers, body


def _whole(received: bytearray) -> bool:
    head, separator, body = bytes(received).partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(separator and lengths) and len(body) >= int(lengths[0].split(b":")[1])


def _wait_ready(served: Served) -> None:
    deadline = time.monotonic() + PATIENCE_S
    with served.client() as client:
        while True:
            with contextlib.suppress(httpx.TransportError):
                if client.get("/readyz").status_code == 200:
                    return
            assert served.process.poll() is None, served.log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, served.log.read_text(encoding="utf-8")
            time.sleep(0.05)


def ready(app: FastAPI) -> Iterator[TestClient]:
    """Give a client of an application over its ASGI interface, once its model is warm; for a fixture.

    Args:
        app: Made for this client.

    Yields:
        The client; the application ends with it.
    """
    from fastapi.testclient import TestClient  # noqa: PLC0415 -- most that use this file need a process

    with TestClient(app) as client:
        wait_ready(client)
        yield client


def wait_ready(client: TestClient) -> None:
    """Wait until the model of a service over its ASGI interface is warm."""
    until(lambda: client.get("/readyz").status_code == 200)
