"""The service behind AWS API Gateway: the same application, called once an event instead of listening."""

from __future__ import annotations

import asyncio
import binascii
import logging
import time
from functools import partial
from typing import Any

from fastapi import FastAPI
from mangum import Mangum
from mangum.adapter import DEFAULT_TEXT_MIME_TYPES
from mangum.types import LambdaContext
from starlette.types import Receive, Scope, Send

from scanops.errors import ConfigError, OutsideError
from scanops.serving.headers import Guard
from scanops.serving.problems import MEDIA_TYPE, ProblemError, respond
from scanops.serving.service import Service

READY_TIMEOUT_S = 60
_POLL_S = 0.02
# Everything else is sent in base64, which clients of a REST API see unless it lists its binary types.
_TEXT = [*DEFAULT_TEXT_MIME_TYPES, MEDIA_TYPE, "image/svg+xml"]
_READY: dict[str, Any] = {
    "version": "2.0",
    "requestContext": {"http": {"method": "GET", "path": "/readyz", "sourceIp": "127.0.0.1"}},
}


class Handler:
    """Answers proxy events of API Gateway (payloads 1.0 and 2.0), function URLs and load balancers.

    It is made once, while the function initialises: the model is loaded and warm when the first event
    comes. All events of a process share one event loop, as requests to a server do.

    Args:
        app: The service's application.
        base_path: What the gateway puts before each path, such as the name of a stage; `/` for nothing.

    Raises:
        OutsideError: The service cannot load its model, or does not become ready.
    """

    def __init__(self, app: FastAPI, base_path: str = "/") -> None:
        # mangum tells the path of each request, and people put patients' names there.
        logging.getLogger("mangum").setLevel(logging.WARNING)
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        # mangum's own lifespan would start and end the service, and load the model, in each event.
        adapt = partial(Mangum, lifespan="off", api_gateway_base_path=base_path, text_mime_types=_TEXT)
        self._adapter = adapt(app)
        self._refusal = adapt(Guard(_refuse_body, app.state.service.metrics))
        self._lifespan = app.router.lifespan_context(app)
        self._loop.run_until_complete(self._lifespan.__aenter__())
        self._wait(app.state.service, base_path.rstrip("/"))

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Answer one event.

        Args:
            event: A proxy event; a binary body comes in base64, and says so.
            context: Of the invocation.

        Returns:
            A proxy response; a binary body is in base64, and says so.

        Raises:
            ConfigError: The event is of another kind.
        """
        if not isinstance(event, dict) or "requestContext" not in event:
            remedy = "Call the function through API Gateway, a function URL or a load balancer"
            raise ConfigError("event", "is no HTTP request", remedy)
        asyncio.set_event_loop(self._loop)
        try:
            return self._adapter(event, context)
        except binascii.Error:
            return self._refusal({**event, "body": "", "isBase64Encoded": False}, context)

    def close(self) -> None:
        """End the service; a function that is frozen and discarded needs none."""
        self._loop.run_until_complete(self._lifespan.__aexit__(None, None, None))
        self._loop.close()

    def _wait(self, service: Service, base_path: str) -> None:
        http = {**_READY["requestContext"]["http"], "path": f"{base_path}/readyz"}
        event = {**_READY, "requestContext": {"http": http}}
        deadline = time.monotonic() + READY_TIMEOUT_S
        while self._adapter(event, None)["statusCode"] != 200:  # type: ignore[arg-type]  # nothing reads the context
            if service.failed:
                raise OutsideError("service", "could not load its model", "See the log above")
            if time.monotonic() > deadline:
                raise OutsideError("service", f"is not ready after {READY_TIMEOUT_S} s", "See the log above")
            self._loop.run_until_complete(asyncio.sleep(_POLL_S))


async def _refuse_body(scope: Scope, receive: Receive, send: Send) -> None:
    problem = ProblemError(
        400, "The body is not the base64 that the event says it is; see the gateway's binary media types."
    )
    await respond(problem)(scope, receive, send)
