"""The HTTP service: its parts put together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from scanops.serving import problems
from scanops.serving.headers import Guard
from scanops.serving.limits import Limits
from scanops.serving.problems import ProblemError
from scanops.serving.routes import page, predict, probes
from scanops.serving.service import Service


def create_app(bundle_folder: Path, limits: Limits | None = None) -> FastAPI:
    """Make the service for one bundle.

    Args:
        bundle_folder: A folder with `model.onnx` and `bundle.json`.
        limits: Bounds on a request; the defaults of `Limits` when None.

    Returns:
        An ASGI application. It answers `/healthz` at once and `/readyz` when the model is warm.

    Raises:
        ConfigError: The bundle is missing or damaged.
    """
    service = Service(bundle_folder, limits or Limits())

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(service.load())
        with service.feedback or contextlib.nullcontext():
            yield
        loading.cancel()

    app = FastAPI(
        title="ScanOps",
        version=service.version().version,
        description=service.bundle.notice,
        lifespan=lifespan,
        docs_url=None,  # FastAPI's page fetches its script from a public host
        redoc_url=None,
        exception_handlers={
            ProblemError: problems.on_problem,
            HTTPException: problems.on_http_exception,
            RequestValidationError: problems.on_validation_error,
        },
    )
    app.add_middleware(Guard)
    app.state.service = service
    for routes in (predict.router(service), probes.router(service), page.router()):
        app.include_router(routes)
    return app
