"""The HTTP service: its parts put together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException

from scanops.serving import openapi, problems
from scanops.serving.access import Access
from scanops.serving.headers import Guard
from scanops.serving.limits import Limits
from scanops.serving.options import Options
from scanops.serving.problems import ProblemError
from scanops.serving.rates import Buckets
from scanops.serving.routes import (
    docs,
    explain,
    inference,
    metrics,
    page,
    predict,
    predict_url,
    preview,
    probes,
)
from scanops.serving.service import Service
from scanops.serving.tokens import Tokens

# FastAPI would tell whatever collects traces in its process the addresses that were asked for, and the words
# of exceptions; both may hold a patient's name.
_UNTRACED: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


def create_app(bundle_folder: Path, limits: Limits | None = None, options: Options | None = None) -> FastAPI:
    """Make the service for one bundle.

    Args:
        bundle_folder: A folder with `model.onnx` and `bundle.json`.
        limits: Bounds on a request; the defaults of `Limits` when None.
        options: Who may ask, and how often; the defaults of `Options` when None.

    Returns:
        An ASGI application. It answers `/healthz` at once and `/readyz` when the model is warm.

    Raises:
        ConfigError: The bundle or the file of tokens is missing or damaged.
    """
    options = options or Options()
    tokens = Tokens(options.tokens) if options.tokens else None
    service = Service(bundle_folder, limits or Limits())

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(service.load())
        with service.feedback or contextlib.nullcontext():
            yield
            loading.cancel()
            await service.close()

    app = FastAPI(
        title="ScanOps",
        version=service.version().version,
        description=service.bundle.notice,
        lifespan=lifespan,
        telemetry=_UNTRACED,
        docs_url=None,  # FastAPI's page fetches its script from a public host
        redoc_url=None,
        exception_handlers={
            ProblemError: problems.on_problem,
            HTTPException: problems.on_http_exception,
            RequestValidationError: problems.on_validation_error,
        },
    )
    app.add_middleware(Access, tokens=tokens, buckets=Buckets(options.rate_per_s, options.burst))
    app.add_middleware(Guard, metrics=service.metrics)  # the outermost
    app.state.service = service
    for room in (predict, explain, preview, inference, probes, metrics):
        app.include_router(room.router(service))
    if options.url_hosts:
        app.include_router(predict_url.router(service, options.url_hosts))
    for routes in (page.router(), docs.router()):
        app.include_router(routes)
    openapi.complete(app, tokens=tokens is not None, rates=options.rate_per_s > 0)
    return app
