"""What wraps every answer: security headers, one log line, and a problem in place of a traceback."""

from __future__ import annotations

import json
import logging
import time
import traceback

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scanops.serving.metrics import Metrics
from scanops.serving.problems import ProblemError, respond

log = logging.getLogger("scanops.serving")

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY = {
    "content-security-policy": CONTENT_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_ENCODED = [(name.encode(), value.encode()) for name, value in SECURITY.items()]


class Guard:
    """ASGI middleware around the whole application.

    A log line holds method, route, status and time. It never holds a path as sent, a query or a file
    name: people put patients' names there.

    Args:
        app: The application.
        metrics: Where requests are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; see the ASGI specification."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                # No route of ours sets one of these itself.
                message["headers"] = [*message.get("headers", ()), *_ENCODED]
                MutableHeaders(scope=message).setdefault("cache-control", "no-store")
            await send(message)

        try:
            await self.app(scope, receive, send_guarded)
        except Exception as error:  # the last place where one can become an answer
            _log_error(error)
            if status:
                raise
            problem = respond(ProblemError(500, "The service failed; its log says where."))
            await problem(scope, receive, send_guarded)
        finally:
            seconds, route = time.perf_counter() - began, getattr(scope.get("route"), "path", "unknown")
            self._metrics.count_request(route, status, seconds)
            _log_request(scope["method"], route, status, seconds)


def _log_request(method: str, route: str, status: int, seconds: float) -> None:
    if route in ("/healthz", "/readyz") and status < 500:
        return
    fields = {
        "event": "request",
        "method": method,
        "route": route,
        "status": status,
        "ms": round(seconds * 1e3, 1),
    }
    log.info(json.dumps(fields))


def _log_error(error: Exception) -> None:
    # The places, without the message: a library may have put file content in it.
    frames = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    log.error(json.dumps({"event": "error", "type": type(error).__name__, "at": frames[-5:]}))
