"""The end of a real process: what it accepted is answered."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPResponse
from pathlib import Path

import httpx

from tests.bundles import make_bundle
from tests.patience import PATIENCE_S
from tests.pictures import encode, noise
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
REQUESTS, FILES = 6, 8
PART = b'--b\r\nContent-Disposition: form-data; name="files"; filename="f.png"\r\n\r\n'


def test_a_terminated_service_answers_what_it_accepted(tmp_path: Path) -> None:
    """SIGTERM amid requests: each of them gets its whole answer, then the process ends by itself, in time."""
    port = free_port()
    command = [sys.executable, "-m", "scanops.serving", "--port", str(port)]
    command += ["--bundle", str(make_bundle(tmp_path / "bundle"))]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    body = b"".join(PART + encode(noise(n)) + b"\r\n" for n in range(FILES)) + b"--b--\r\n"
    head = f"POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n"
    request = head.encode() + b"Content-Type: multipart/form-data; boundary=b\r\n\r\n" + body
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            _wait_until(client, "/readyz", "ready")
            sockets = [
                socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) for _ in range(REQUESTS)
            ]
            for sender in sockets:
                sender.sendall(request[:-50])
            _wait_until(client, "/metrics", f"scanops_open_requests {REQUESTS:.1f}")
        process.send_signal(signal.SIGTERM)
        for sender in sockets:
            sender.sendall(request[-50:])
        answers = [_answer(sender) for sender in sockets]
        output = process.communicate(timeout=PATIENCE_S)[0]
    finally:
        process.kill()
    assert answers == [FILES] * REQUESTS
    assert process.returncode in (0, -signal.SIGTERM), output
    assert "Traceback" not in output


def _answer(sender: socket.socket) -> int:
    """Read an answer to its end; give the number of its files."""
    with sender:
        response = HTTPResponse(sender)
        response.begin()
        assert response.status == 200
        return len(json.loads(response.read())["files"])


def _wait_until(client: httpx.Client, path: str, said: str) -> None:
    deadline, text = time.monotonic() + PATIENCE_S, ""
    while said not in text:
        assert time.monotonic() < deadline, text
        time.sleep(0.05)
        try:
            text = client.get(path).text
        except httpx.TransportError as error:
            text = str(error)
