"""A version is held against golden images, an error rate and the speed of the one before."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from scanops_host import service
from scanops_host.faults import FaultError
from scanops_host.service import Golden

from tests.unit.host.settings import make_settings

CASE = {
    "name": "0",
    "image": base64.b64encode(b"picture").decode(),
    "prediction": "left",
    "probabilities": {"left": 0.9, "right": 0.1},
    "why": None,
}
GOOD = {"class": "left", "probabilities": {"left": 0.9, "right": 0.1}, "why": None, "error": None}


@pytest.fixture
def answering() -> Iterator[tuple[int, dict[str, Any]]]:
    """Serve whatever answer a test puts into the dictionary."""
    told: dict[str, Any] = {"status": 200, "answer": GOOD}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            assert b"picture" in body
            data = json.dumps({"files": [told["answer"]]}).encode()
            self.send_response(told["status"])
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port, told
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"class": "right"}, "right, recorded was left"),
        ({"probabilities": {"left": 0.8999, "right": 0.1001}}, "differs by 0.0001"),
        ({"probabilities": {"left": float("nan"), "right": 0.1}}, "differs by"),
        ({"probabilities": {"left": 1.0}}, "other classes"),
        ({"why": "low_confidence"}, "abstains for low_confidence"),
        ({"error": {"kind": "undecodable"}}, "refused"),
    ],
)
def test_another_answer_than_recorded_is_found(
    answering: tuple[int, dict[str, Any]], tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    """A class, a probability, a reason or an error that differs is a verdict against the version."""
    port, told = answering
    settings = make_settings(tmp_path, slots={"a": port, "b": 2})
    golden = Golden("bundle", [CASE])
    service.require_golden(settings, "a", golden)
    told["answer"] = {**GOOD, **change}
    with pytest.raises(FaultError, match=says) as refused:
        service.require_golden(settings, "a", golden)
    assert refused.value.kind == "verdict"


def test_a_version_that_answers_with_errors_does_not_pass_its_rehearsal(
    answering: tuple[int, dict[str, Any]], tmp_path: Path
) -> None:
    """Errors are believed at once; the rate and its bound are in the message."""
    port, told = answering
    settings = make_settings(tmp_path, slots={"a": port, "b": 2})
    assert service.rehearse(settings, "a", Golden("bundle", [CASE]), None)[0].failed == 0
    told["status"] = 500
    with pytest.raises(FaultError, match=r"error rate 100\.0% of 20 requests, at most 1\.0%"):
        service.rehearse(settings, "a", Golden("bundle", [CASE]), None)
