"""The HTTP service: predictions, probes and the page."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import mimetypes
import os
from collections.abc import AsyncIterator
from importlib import resources
from pathlib import Path
from typing import Any

import anyio.to_thread
import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from scanops.bundle import bundle as bundles
from scanops.bundle.predictor import Predictor
from scanops.serving import problems
from scanops.serving.answers import Slots, answer
from scanops.serving.headers import Guard
from scanops.serving.limits import Limits, read_uploads
from scanops.serving.problems import MEDIA_TYPE, ProblemError
from scanops.serving.schemas import Model, Prediction, ProblemDetails, Status, Version

log = logging.getLogger("scanops.serving")

_FORM = {
    "type": "object",
    "required": ["files"],
    "properties": {"files": {"type": "array", "items": {"type": "string", "format": "binary"}}},
}
_BODY = {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}


def _problems(**statuses: str) -> dict[int | str, dict[str, Any]]:
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    content = {MEDIA_TYPE: {"schema": schema}}
    return {
        int(code[1:]): {"description": meaning, "content": content, "model": ProblemDetails}
        for code, meaning in statuses.items()
    }


class Service:
    """One bundle, from its folder to being ready.

    Args:
        folder: The bundle's folder.
        limits: Bounds on a request.

    Raises:
        ConfigError: The bundle is missing or damaged.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder = folder
        self.limits = limits
        self.bundle = bundles.read(folder)
        self.model = Model(
            bundle_sha256=bundles.hash_bundle(folder),
            data_sha256=self.bundle.data_sha256,
            architecture=self.bundle.architecture,
        )
        self.predictor: Predictor | None = None
        self.slots: Slots | None = None

    async def load(self) -> None:
        """Load the graph and run it once, so that the first answer is as quick as the others."""
        self.slots = Slots(self.limits.workers)
        try:
            self.predictor = await anyio.to_thread.run_sync(self._warm)
        except Exception as error:  # a service that cannot load says so in its log and stays unready
            log.error(json.dumps({"event": "load", "type": type(error).__name__, "detail": str(error)}))
            return
        log.info(json.dumps({"event": "ready", "bundle_sha256": self.model.bundle_sha256}))

    def _warm(self) -> Predictor:
        predictor = Predictor(self.folder)
        side = self.bundle.size_px
        predictor.predict(np.zeros((1, side, side, 3), np.uint8))
        return predictor

    async def predict(self, request: Request) -> Prediction:
        """Answer one request for predictions.

        Args:
            request: The request, its body unread.

        Returns:
            One answer a file.

        Raises:
            ProblemError: The service is not ready, the request is out of bounds, or no file could be used.
        """
        predictor, slots = self.predictor, self.slots
        if predictor is None or slots is None:
            raise ProblemError(
                503, "The model is still loading; try again in a second.", {"retry-after": "1"}
            )
        uploads = await read_uploads(dict(request.headers), request.stream(), self.limits)
        files = await answer(predictor, uploads, self.limits, slots)
        if all(file.error for file in files):
            kinds = {file.error.kind for file in files if file.error}
            status = 413 if kinds == {"too_large"} else 422
            told = [file.model_dump(mode="json", by_alias=True) for file in files]
            raise ProblemError(status, "No file could be used; `files` says why for each.", files=told)
        return Prediction(files=files, model=self.model, notice=self.bundle.notice)

    def version(self) -> Version:
        """Say what is running, from the bundle and from what the image was built with."""
        return Version(
            version=os.environ.get("SCANOPS_VERSION", "unknown"),
            git_sha=os.environ.get("SCANOPS_GIT_SHA", "unknown"),
            gate_sha256=os.environ.get("SCANOPS_GATE_SHA256") or None,
            model=self.model,
            classes=list(self.bundle.classes),
            size_px=self.bundle.size_px,
            notice=self.bundle.notice,
        )


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
    _add_api(app, service)
    _add_page(app)
    return app


def _add_api(app: FastAPI, service: Service) -> None:
    refusals = _problems(
        _400="The body is malformed",
        _408="The body came too slowly",
        _413="The body, or each file, is too large",
        _415="The body is not multipart",
        _422="No file could be used",
        _503="The model is still loading",
    )

    @app.post("/v1/predict", responses=refusals, openapi_extra={"requestBody": _BODY})
    async def predict(request: Request) -> Prediction:
        """Classify one or many images."""
        return await service.predict(request)

    @app.get("/healthz")
    async def alive() -> Status:
        """Whether the process answers."""
        return Status(status="ok")

    @app.get("/readyz", responses=_problems(_503="The model is still loading"))
    async def ready() -> Status:
        """Whether predictions are answered."""
        if service.predictor is None:
            raise ProblemError(503, "The model is not loaded.", {"retry-after": "1"})
        return Status(status="ready")

    @app.get("/version")
    async def version() -> Version:
        """What is running."""
        return service.version()


def _add_page(app: FastAPI) -> None:
    # Read once: the page is small, and no path of a request ever reaches the file system.
    folder = resources.files("scanops.serving") / "web"
    files = {item.name: item.read_bytes() for item in folder.iterdir() if item.is_file()}

    def send(name: str) -> Response:
        if name not in files:
            raise ProblemError(404, "There is nothing at this address.")
        media_type = mimetypes.types_map.get(Path(name).suffix, "application/octet-stream")
        return Response(files[name], media_type=media_type, headers={"cache-control": "no-cache"})

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return send("index.html")

    @app.get("/web/{name}", include_in_schema=False)
    async def asset(name: str) -> Response:
        return send(name)
