"""Schemathesis on the OpenAPI document: nothing is answered by 5xx, or otherwise than announced."""

from __future__ import annotations

import http.server
import threading
from pathlib import Path

from tests.fuzz import api


def test_nothing_is_found(tmp_path: Path) -> None:
    """A short search with all checks but one; `make test-api` is the long one."""
    code, said = api.search_ours(tmp_path, examples=2)
    assert code == 0, said


class Failing(http.server.BaseHTTPRequestHandler):
    """A service that fails."""

    def do_GET(self) -> None:
        """Answer with 500."""
        self.send_error(500)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_5xx_would_be_found(tmp_path: Path) -> None:
    """The search sees what it is there to see."""
    operation = {"get": {"responses": {"200": {"description": "fine"}}}}
    document = {"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": {"/a": operation}}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Failing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        code, said = api.search(f"http://127.0.0.1:{server.server_port}", document, tmp_path, examples=1)
        server.shutdown()
    assert code == 1
    assert "Server error" in said
