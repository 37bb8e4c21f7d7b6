"""Predictions: `POST /v1/predict`."""

from __future__ import annotations

from fastapi import APIRouter, Request

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
    _503="The model is still loading",
)


def router(service: Service) -> APIRouter:
    """Give the routes of predictions.

    Args:
        service: What answers.

    Returns:
        A router.
    """
    routes = APIRouter()

    @routes.post("/v1/predict", responses=_REFUSALS, openapi_extra={"requestBody": _BODY})
    async def predict(request: Request) -> Prediction:
        """Classify one or many images."""
        return await service.predict(request)

    return routes
