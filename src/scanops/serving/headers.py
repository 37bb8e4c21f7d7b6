"""What wraps every answer: security headers, one log line, and a problem in place of a traceback."""

from __future__ import annotations

import logging
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scanops.serving import logs
from scanops.serving.access import OWNER
from scanops.serving.metrics import Metrics
from scanops.serving.problems import ProblemError, respond

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# What nginx logs for a client that left before it had its answer; it is never sent.
CLIENT_LEFT = 499
PROBES = ("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
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

    A log line holds the request's id, method, route, status and time, and whose token it came with. It never
    holds a path as sent, a query or a file name: people put patients' names there.

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
        asked = logs.take_id(Headers(scope=scope).get("x-request-id"))
        logs.request_id.set(asked)
        status = 0

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                # No route of ours sets one of these itself.
                message["headers"] = [*message.get("headers", ()), *_ENCODED]
                headers = MutableHeaders(scope=message)
                headers.setdefault("cache-control", "no-store")
                headers["x-request-id"] = asked
            await send(message)

        try:
            await self.app(scope, receive, send_guarded)
        except ClientDisconnect:
            status = status or CLIENT_LEFT
        except Exception as error:  # the last place where one can become an answer
            logs.write_error("error", error)
            if status:
                raise
            problem = respond(ProblemError(500, "The service failed; its log says where."))
            await problem(scope, receive, send_guarded)
        finally:
            seconds, route = time.perf_counter() - began, getattr(scope.get("route"), "path", "unknown")
            self._metrics.count_request(route, status, seconds)
            _log_request(scope, route, status, seconds)


def _log_request(scope: Scope, route: str, status: int, seconds: float) -> None:
    if route in PROBES and status < 500:
        return
    method = scope["method"] if scope["method"] in METHODS else "other"
    fields = {"method": method, "route": route, "status": status, "ms": round(seconds * 1e3, 1)}
    owner = scope.get(OWNER)
    logs.write(logging.INFO, "request", **fields, **({"token": owner} if owner else {}))
