"""A FAKE of the ScanOps service for tests of deployment: same routes, no model, and faults on demand.

`settings.json` beside it says which model it claims to be, and what is wrong with it.
"""

import hashlib
import itertools
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SETTINGS = json.loads(Path(__file__).with_name("settings.json").read_text())
FAULT = SETTINGS["fault"]
counter = itertools.count(1)


def answer(image: bytes) -> dict[str, object]:
    """Give the answer that the golden images of the tests record, unless the fault says otherwise."""
    share = int(hashlib.sha256(image).hexdigest()[:4], 16) / 65535
    if FAULT == "wrong":
        share = 1 - share
    shares = {"left": share, "right": 1 - share}
    return {
        "class": max(shares, key=lambda name: shares[name]),
        "probabilities": shares,
        "why": None,
        "error": None,
    }


class Handler(BaseHTTPRequestHandler):
    """The routes that a deployment asks."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer probes."""
        if self.path == "/readyz":
            self.tell(503 if FAULT == "never_ready" else 200, {"status": "ready"})
        elif self.path == "/version":
            self.tell(200, {"name": "scanops", "model": {"bundle_sha256": SETTINGS["bundle_sha256"]}})
        else:
            self.tell(404, {})

    def do_POST(self) -> None:
        """Answer a picture: the bytes between the multipart's first empty line and its end."""
        body = self.rfile.read(int(self.headers["content-length"]))
        image = body.split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n--", 1)[0]
        time.sleep(0.06 if FAULT == "slow" else 0.02)
        number = next(counter)
        # Not before it has served a while: the kind that no rehearsal finds.
        if FAULT == "errors" and number > 150 and number % 20 == 0:
            self.tell(500, {})
            return
        self.tell(200, {"files": [answer(image)]})

    def tell(self, status: int, content: dict[str, object]) -> None:
        """Send JSON."""
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    import signal

    class Server(ThreadingHTTPServer):
        """Finishes what it has begun when it is told to stop."""

        daemon_threads = False
        block_on_close = True
        request_queue_size = 256

    server = Server(("0.0.0.0", 8080), Handler)  # noqa: S104 -- inside a container
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(0.1)
    server.server_close()
