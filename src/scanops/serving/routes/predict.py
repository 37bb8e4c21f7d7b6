"""Predictions: `POST /v1/predict`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from scanops.serving import problems
from scanops.serving.schemas import Prediction
from scanops.serving.service import Service

_FORM = {
    "type": "object",
    "required": ["files"],
    "properties": {"files": {"type": "array", "items": {"type": "string", "format": "binary"}}},
}
_BODY = {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}
_REFUSALS = problems.documented(
    _400="The body is malformed",
    _408="The body came too slowly",
    _413="The body, or each file, is too large",
    _415="The body is not multipart",
    _422="No file could be used",
    _503="The model is still loading, or there is too much to do",
)


class _Direct(APIRoute):
    """A route that is given the request as it is: there are no parameters that FastAPI would have to find."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return self.endpoint


def router(service: Service) -> APIRouter:
    """Give the routes of predictions.

    Args:
        service: What answers.

    Returns:
        A router.
    """
    routes = APIRouter(route_class=_Direct)

    @routes.post(
        "/v1/predict", response_model=Prediction, responses=_REFUSALS, openapi_extra={"requestBody": _BODY}
    )
    async def predict(request: Request) -> Response:
        """Classify one or many images."""
        answer = await service.predict(request)
        # Written by itself: FastAPI would check it once more against the schema that it was made from.
        return Response(answer.model_dump_json(by_alias=True), media_type="application/json")

    return routes
