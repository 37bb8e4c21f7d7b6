"""The Open Inference Protocol V2: `/v2`, for platforms that speak it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from scanops.serving import bodies, problems, tensors
from scanops.serving.limits import MIB
from scanops.serving.problems import ProblemError
from scanops.serving.room import RequestRoom
from scanops.serving.service import Service
from scanops.serving.tensor_schemas import (
    InferRequest,
    InferResponse,
    Live,
    ModelMetadata,
    ModelReady,
    Ready,
    ServerMetadata,
)

MODEL = "scanops"
BINARY = "application/octet-stream"
# A list in Python takes twenty times the bytes that it has as JSON, and no other thread runs while a million
# of them are made: whoever sends more than this uses binary data.
JSON_BYTES = 4 * MIB
_HEADER = "inference-header-content-length"
_NUMBER = re.compile("[0-9]{1,9}")
_LOADING = problems.documented(_503="The model is still loading")
_UNKNOWN = problems.documented(_404="There is no such model or version")
_REFUSALS = problems.documented(
    _400="The request or its tensor is malformed",
    _404="There is no such model or version",
    _408="The body came too slowly",
    _413="The body is too large",
    _415="The body is neither JSON nor binary data",
    _503="The model is still loading, or there is too much to do",
)
Name = Annotated[str, Path(description=f"`{MODEL}`", examples=[MODEL])]
Version = Annotated[str, Path(description="The first twelve digits of the bundle's hash")]


def router(service: Service) -> APIRouter:
    """Give the routes of the protocol.

    Args:
        service: What answers.

    Returns:
        A router.
    """
    routes = APIRouter(prefix="/v2", tags=["Open Inference Protocol V2"])
    model = _Model(service)

    @routes.get("/health/live", summary="Server live")
    async def live() -> Live:
        """Whether the process answers."""
        return Live(live=True)

    @routes.get("/health/ready", summary="Server ready", responses=_LOADING)
    async def ready() -> Ready:
        """Whether inferences are answered."""
        model.require_ready()
        return Ready(ready=True)

    @routes.get("", summary="Server metadata")
    async def server() -> ServerMetadata:
        """What serves."""
        return ServerMetadata(version=service.version().version, extensions=["binary_tensor_data"])

    _add_model(routes, model)
    return routes


def _add_model(routes: APIRouter, model: _Model) -> None:
    """Add the routes of the model, each with a version and without."""

    @routes.get("/models/{name}", summary="Model metadata", responses=_UNKNOWN)
    async def metadata(name: Name) -> ModelMetadata:
        """What the model takes and gives."""
        return model.describe(name)

    @routes.get("/models/{name}/versions/{v}", summary="Version's metadata", responses=_UNKNOWN)
    async def versioned(name: Name, v: Version) -> ModelMetadata:
        """What a version of the model takes and gives."""
        return model.describe(name, v)

    @routes.get("/models/{name}/ready", summary="Model ready", responses=_UNKNOWN | _LOADING)
    async def ready(name: Name) -> ModelReady:
        """Whether the model answers."""
        return model.ready(name)

    @routes.get("/models/{name}/versions/{v}/ready", summary="Version ready", responses=_UNKNOWN | _LOADING)
    async def versioned_ready(name: Name, v: Version) -> ModelReady:
        """Whether a version of the model answers."""
        return model.ready(name, v)

    told = model.documented()

    @routes.post("/models/{name}/infer", summary="Inference", **told)
    async def infer(name: Name, request: Request) -> Response:
        """Classify images that are cropped and resized to the model's input already."""
        return await model.infer(request, name)

    @routes.post("/models/{name}/versions/{v}/infer", summary="Version's inference", **told)
    async def versioned_infer(name: Name, v: Version, request: Request) -> Response:
        """Classify images with a version of the model."""
        return await model.infer(request, name, v)


class _Model:
    """The one model that there is, as the protocol names it."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.version = service.model.bundle_sha256[:12]

    def require_ready(self) -> None:
        with _as_protocol():
            self._service.loaded()

    def require(self, name: str, version: str | None) -> None:
        if name != MODEL or version not in (None, self.version):
            detail = f"There is no such model: `{MODEL}` is served, in version {self.version}."
            raise ProblemError(404, detail, None, error=detail)

    def ready(self, name: str, version: str | None = None) -> ModelReady:
        self.require(name, version)
        self.require_ready()
        return ModelReady(name=name, ready=True)

    def describe(self, name: str, version: str | None = None) -> ModelMetadata:
        self.require(name, version)
        bundle = self._service.bundle
        taken, given = tensors.describe(bundle.size_px, len(bundle.classes))
        return ModelMetadata(name=name, versions=[self.version], inputs=[taken], outputs=given)

    async def infer(self, request: Request, name: str, version: str | None = None) -> Response:
        with _as_protocol():
            self.require(name, version)
            with self._service.room.hold_request() as held:
                asked = await self._read(request, held)
                verdicts = await self._service.infer(asked.images)
        bundle = self._service.bundle
        told: dict[str, Any] = {"model_name": name, "model_version": self.version}
        told |= {"id": asked.id} if asked.id is not None else {}
        told["parameters"] = {"notice": bundle.notice}
        body, json_bytes = tensors.write(told, tensors.answer(verdicts, bundle.classes), asked)
        if any(asked.outputs.values()):
            return Response(body, headers={_HEADER: str(json_bytes)}, media_type=BINARY)
        return Response(body, media_type="application/json")

    async def _read(self, request: Request, held: RequestRoom) -> tensors.Asked:
        if bodies.media_type(request) not in ("application/json", BINARY):
            raise ProblemError(415, f"Send application/json, or {BINARY} with binary data.")
        answerer = self._service.loaded()
        limits, told = self._service.limits, request.headers.get(_HEADER)
        if told is not None and not (_NUMBER.fullmatch(told) and int(told) <= JSON_BYTES):
            raise ProblemError(400, f"Inference-Header-Content-Length is not a number up to {JSON_BYTES}.")
        most = JSON_BYTES if told is None else limits.body_bytes
        body = await bodies.read(request, held, most, limits.body_timeout_s)
        header_bytes = None if told is None else int(told)
        arguments = (body, header_bytes, self._service.bundle.size_px, limits.files)
        # One at a time, and in a thread: lists take far more memory than the text that they came from.
        return await answerer.unpack(partial(tensors.parse, *arguments))

    def documented(self) -> dict[str, Any]:
        """Give FastAPI what it cannot see: the route reads its body and writes its answer by itself."""
        got = {"name": "class", "datatype": "INT64", "shape": [1], "data": [0]}
        answer = {
            "model_name": MODEL,
            "model_version": self.version,
            "parameters": {"notice": self._service.bundle.notice},
            "outputs": [got],
        }
        contents = {"application/json": {"schema": problems.schema_of(InferRequest)}}
        binary = {"schema": {"type": "string", "format": "binary"}}
        described = {"application/json": {"example": answer}, BINARY: binary}
        return {
            "responses": {200: {"model": InferResponse, "content": described}} | _REFUSALS,
            "openapi_extra": {"requestBody": {"required": True, "content": contents}},
        }


@contextmanager
def _as_protocol() -> Iterator[None]:
    """Give problems the member `error` as well, where clients of the protocol look for the message."""
    try:
        yield
    except ProblemError as problem:
        problem.members.setdefault("error", problem.detail)
        raise
